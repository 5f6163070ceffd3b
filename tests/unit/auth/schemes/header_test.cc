#include "proxy/auth/schemes/header.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

TEST_CASE("a header credential is finished without a login and never expires") {
  const auto scheme =
      make_scheme(header_scheme(), {{"name", "X-Api-Key"}}, {{"value", " abc def\t"}});
  REQUIRE(scheme);
  const auto step = (*scheme)->start({}, nullptr);
  REQUIRE(step);
  const auto& credential = std::get<Credential>(*step);
  CHECK(field_value(credential, "X-Api-Key") == "abc def");
  CHECK_FALSE(credential.expires);
  CHECK_FALSE(header_scheme().logs_in);
}

TEST_CASE("a value that would break a message is a configuration error without the value") {
  using namespace std::string_view_literals;
  const auto value =
      GENERATE("key\r\nHost: evil"sv, "key\n"sv, "k\0y"sv, "key\x7F"sv, "\x1Bkey"sv, ""sv, " \t"sv);
  const auto scheme = make_scheme(header_scheme(), {{"name", "X-Api-Key"}}, {{"value", value}});
  REQUIRE_FALSE(scheme);
  CHECK(scheme.error().kind == base::ErrorKind::configuration);
  CHECK(scheme.error().detail.find("key") == std::string::npos);
}

TEST_CASE("field names that frame a message or steer a connection are refused") {
  const auto name =
      GENERATE("Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "TE",
               "Trailer", "Upgrade", "Proxy-Connection", "Proxy-Authorization", "Expect", "Via", "",
               "X Key", "X-Key:", "X-K\xC3\xA4y", "X\nKey", "(x)");
  CAPTURE(name);
  CHECK(injected_name_fault(name) != "");
}

TEST_CASE("any other token is a field name") {
  const auto name =
      GENERATE("Authorization", "X-Api-Key", "x_api_key", "Api.Key", "Cookie", "A1!#$%&'*+-.^_`|~");
  CAPTURE(name);
  CHECK(injected_name_fault(name) == "");
}
