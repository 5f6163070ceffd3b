#include "proxy/routing/access_policy.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;

constexpr Destination destination{"http", "localhost:3128"};

TEST_CASE("only a host of the list is allowed, in any case") {
  const AccessRules rules{{"localhost", "127.0.0.1", "::1"}, false, {}};
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
    const auto result = check_browser({}, fields, destination);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::browser_refused);
  }
}

TEST_CASE("what other programs send is not taken for a browser") {
  http::Fields fields;
  fields.add("Host", "localhost");
  fields.add("Sec-Fetch-Mode", "cors");
  fields.add("User-Agent", "Mozilla/5.0");
  CHECK(check_browser({}, fields, destination).has_value());
}

TEST_CASE("where browsers send no Sec-Fetch-Site their User-Agent refuses the request") {
  http::Fields silent;  // as for an image with no-referrer
  silent.add("user-agent",
             "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
  silent.add("Accept-Language", "en-US");
  for (const Destination& network :
       {Destination{"http", "vsa.example.com"}, Destination{"http", "192.0.2.1:80"},
        Destination{"http", ""}}) {
    const auto result = check_browser({}, silent, network);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::browser_refused);
    CHECK(check_browser({{}, true, {}}, silent, network).has_value());
  }
  for (const Destination& trustworthy :
       {Destination{"https", "vsa.example.com"}, Destination{"http", "LOCALHOST:1"},
        Destination{"http", "127.1.2.3"}, Destination{"http", "[::1]:80"}}) {
    CHECK(check_browser({}, silent, trustworthy).has_value());
  }
  http::Fields powershell;
  powershell.add("User-Agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0) WindowsPowerShell/5.1");
  powershell.add("Accept-Language", "en-US");
  CHECK(check_browser({}, powershell, {"http", "vsa.example.com"}).has_value());
  http::Fields script;
  script.add("User-Agent", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko)");
  CHECK(check_browser({}, script, {"http", "vsa.example.com"}).has_value());
}

struct BrowserCase {
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  bool is_let_through;
};

void check_cases(const AccessRules& rules, const std::vector<BrowserCase>& cases) {
  for (const BrowserCase& c : cases) {
    http::Fields fields;
    std::string shown;
    for (const auto& [name, value] : c.fields) {
      fields.add(name, value);
      shown.append(name).append(": ").append(value).append("; ");
    }
    CAPTURE(shown);
    CHECK(check_browser(rules, fields, destination).has_value() == c.is_let_through);
  }
}

TEST_CASE("with same-origin every field of a browser must speak for a page of the listener") {
  check_cases({{}, true, {}},
              {{{}, true},
               {{{"Sec-Fetch-Site", "same-origin"}}, true},
               {{{"Sec-Fetch-Site", "none"}}, true},
               {{{"Sec-Fetch-Site", "same-site"}}, false},
               {{{"Sec-Fetch-Site", "cross-site"}}, false},
               {{{"Sec-Fetch-Site", ""}}, false},
               {{{"Origin", "http://localhost:3128"}}, true},
               {{{"Origin", "HTTP://LOCALHOST:3128"}}, true},
               {{{"Origin", "https://localhost:3128"}}, false},
               {{{"Origin", "http://localhost"}}, false},
               {{{"Origin", "http://localhost:3129"}}, false},
               {{{"Origin", "http://localhost.evil.example:3128"}}, false},
               {{{"Origin", "null"}}, false},
               {{{"Origin", ""}}, false},
               {{{"Referer", "http://localhost:3128/page?x=1"}}, true},
               {{{"Referer", "http://evil.example/http://localhost:3128/"}}, false},
               {{{"Referer", "http://localhost:3128@evil.example/"}}, false},
               {{{"Origin", "http://localhost:3128"}, {"Origin", "http://evil.example"}}, false},
               {{{"Origin", "http://localhost:3128"}, {"Sec-Fetch-Site", "cross-site"}}, false},
               {{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "same-origin"}}, false},
               {{{"Referer", "http://evil.example/"}, {"Sec-Fetch-Site", "none"}}, false},
               {{{"Access-Control-Request-Method", "GET"}}, false}});
}

TEST_CASE("a listed origin may ask from another site, and only that one") {
  check_cases(
      {{}, true, {{"https", "tool.internal", 443}}},
      {{{{"Origin", "https://tool.internal"}, {"Sec-Fetch-Site", "cross-site"}}, true},
       {{{"Referer", "https://tool.internal/x"}, {"Sec-Fetch-Site", "cross-site"}}, true},
       {{{"Origin", "https://tool.internal"}, {"Access-Control-Request-Method", "PUT"}}, true},
       {{{"Origin", "http://localhost:3128"}, {"Sec-Fetch-Site", "same-origin"}}, true},
       {{{"Origin", "http://localhost:3128"}, {"Sec-Fetch-Site", "cross-site"}}, false},
       {{{"Sec-Fetch-Site", "cross-site"}}, false},
       {{{"Origin", "http://tool.internal"}}, false},
       {{{"Origin", "https://tool.internal:8443"}}, false},
       {{{"Origin", "https://tool.internal"}, {"Referer", "https://evil.example/"}}, false}});
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
