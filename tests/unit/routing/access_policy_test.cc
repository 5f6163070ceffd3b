#include "proxy/routing/access_policy.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;

TEST_CASE("only a host of the list is allowed, in any case") {
  const AccessRules rules{{"localhost", "127.0.0.1", "::1"}};
  for (const std::string_view host : {"localhost", "LOCALHOST", "127.0.0.1", "::1"}) {
    CHECK(check_host(rules, host).has_value());
  }
  for (const std::string_view host : {"", "localhost.evil.example", "evil", "127.0.0.2", "[::1]"}) {
    const auto result = check_host(rules, host);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::host_not_allowed);
  }
}

TEST_CASE("an empty list allows no host") { CHECK_FALSE(check_host({}, "localhost").has_value()); }

TEST_CASE("a field that browsers add refuses the request, in any case") {
  for (const std::string_view name :
       {"Origin", "origin", "Sec-Fetch-Site", "Access-Control-Request-Method", "REFERER"}) {
    http::Fields fields;
    fields.add("Host", "localhost");
    fields.add(name, "");
    const auto result = check_browser(fields);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::browser_refused);
  }
}

TEST_CASE("what other programs send is not taken for a browser") {
  http::Fields fields;
  fields.add("Host", "localhost");
  fields.add("Sec-Fetch-Mode", "cors");
  fields.add("User-Agent", "Mozilla/5.0");
  CHECK(check_browser(fields).has_value());
}

TEST_CASE("TRACE and TRACK are refused in any case") {
  for (const std::string_view method : {"TRACE", "TRACK", "trace", "Track"}) {
    const auto result = check_method(method);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::method_refused);
  }
  for (const std::string_view method : {"GET", "POST", "DELETE", "OPTIONS", "TRACER"}) {
    CHECK(check_method(method).has_value());
  }
}

}  // namespace
}  // namespace vsaproxy::routing
