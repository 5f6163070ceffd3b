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

TEST_CASE("a name longer than any a set can hold is in none") {
  constexpr NameSet<1> names({"TE"});
  // 66 and 2 leave the same remainder by 64.
  CHECK_FALSE(names.has(std::string(64, 'x') + "TE"));
  CHECK_FALSE(names.has(std::string(66, 'x')));
}

}  // namespace vsaproxy::http
