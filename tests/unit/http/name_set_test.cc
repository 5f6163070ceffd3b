#include "proxy/http/name_set.h"

#include <catch2/catch.hpp>
#include <string>

namespace vsaproxy::http {

TEST_CASE("a set of names is asked without case, and an underscore counts as a hyphen") {
  constexpr NameSet<3> names({"Connection", "TE", "HTTP2-Settings"});
  for (const std::string_view in : {"Connection", "CONNECTION", "te", "http2_settings"}) {
    CHECK(names.has(in));
  }
  for (const std::string_view out : {"", "T", "TEE", "Connectio", "Connectiom", "HTTP2.Settings"}) {
    CHECK_FALSE(names.has(out));
  }
}

TEST_CASE("all spellings of a name have one mark") {
  CHECK(mark_of("HTTP2-Settings") == mark_of("http2_settings"));
  CHECK(mark_of("-x_") == mark_of("_X-"));
  CHECK(mark_of("") < 64);
}

TEST_CASE("a mark that a set may have says nothing, one that it can't have says no") {
  constexpr NameSet<2> names({"Content-Length", "Transfer-Encoding"});
  const std::string_view impostor = "Cxxxxxxxxxxxxh";
  REQUIRE(mark_of(impostor) == mark_of("Content-Length"));
  CHECK(names.may_have(mark_of(impostor)));
  CHECK_FALSE(names.has(impostor));
  for (const std::string_view usual : {"Host", "User-Agent", "Accept", "Accept-Encoding", "Server",
                                       "Date", "Content-Type", "ETag", "Last-Modified"}) {
    CHECK_FALSE(names.may_have(mark_of(usual)));
  }
}

TEST_CASE("a long name is in no set, whatever its mark") {
  constexpr NameSet<1> names({"TE"});
  const std::string impostor = "T" + std::string(64, 'x') + "E";
  REQUIRE(names.may_have(mark_of(impostor)));
  CHECK_FALSE(names.has(impostor));
}

}  // namespace vsaproxy::http
