#include "proxy/settings/route_rules.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// Upstreams a (any case) and b (case counts); the routes stand from line 6 on.
std::string with_routes(std::string_view routes) {
  return with_head(fmt::format(
      "upstreams:\n  a: {{url: https://a, auth: none}}\n  b: {{url: https://b, auth: none, "
      "case: sensitive}}\nroutes:\n{}",
      routes));
}

TEST_CASE("a route's keys are read") {
  const auto settings = good_settings(with_routes(R"(  - name: first
    match: {path_prefix: /vsa/x, host: VSA.internal, listener: "127.0.0.1:3128"}
    upstream: b
    strip_prefix: /vsa
    cookies: pass
    cors: pass
  - upstream: a
)"));
  REQUIRE(settings.routes.size() == 2);
  const Route& first = settings.routes[0];
  CHECK(first.name == "first");
  CHECK(first.path_prefix == "/vsa/x");
  CHECK(first.host == "vsa.internal");
  CHECK(first.listener == "127.0.0.1:3128");
  CHECK(first.upstream == 1);
  CHECK(first.strip_prefix == "/vsa");
  CHECK(first.pass_cookies);
  CHECK(first.pass_cors);
  Route plain;
  plain.name = "a";
  CHECK(settings.routes[1] == plain);
}

TEST_CASE("a route without a name gets its upstream's, with a number where that is taken") {
  const auto settings = good_settings(with_routes(
      "  - {upstream: a, match: {path_prefix: /1}}\n  - {upstream: a, match: {path_prefix: /2}}\n"
      "  - {upstream: b, match: {path_prefix: /3}, name: a-2}\n"));
  CHECK(settings.routes[0].name == "a");
  CHECK(settings.routes[1].name == "a-3");
  CHECK(settings.routes[2].name == "a-2");
}

TEST_CASE("rules for routing carry the case of the route's upstream") {
  const auto settings = good_settings(
      with_routes("  - {upstream: b, match: {path_prefix: /x}}\n  - {upstream: a}\n"));
  const auto rules = route_rules(settings);
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].case_sensitive);
  CHECK(rules[0].path_prefix == "/x");
  CHECK_FALSE(rules[1].case_sensitive);
}

TEST_CASE("several upstreams need routes") {
  CHECK(first_problem_of(with_head("upstreams:\n  a: {url: https://a, auth: none}\n  b: {url: "
                                   "https://b, auth: none}\n")) ==
        "3:1: with several upstreams, \"routes\" must say which request goes where");
}

TEST_CASE("a route that is never reached is refused") {
  check_bad_files({
      {with_routes("  - {upstream: a}\n  - {upstream: b, match: {path_prefix: /x}}\n"),
       "8:5: route \"b\" is never reached: \"a\" (line 7) matches all that it would; write it "
       "after "
       "this one"},
      {with_routes("  - {upstream: a, match: {path_prefix: /X}}\n  - {upstream: b, match: "
                   "{path_prefix: /x/y}}\n"),
       "8:5: route \"b\" is never reached: \"a\" (line 7) matches all that it would; write it "
       "after "
       "this one"},
  });
  good_settings(
      with_routes("  - {upstream: b, match: {path_prefix: /X}}\n  - {upstream: a, match: "
                  "{path_prefix: /x}}\n"));
}

TEST_CASE("wrong routes are refused") {
  check_bad_files({
      {with_routes("  - {match: {path_prefix: /x}}\n"),
       "7:5: missing key \"upstream\" in route 1: name one of \"upstreams\""},
      {with_routes("  - {upstream: c}\n"),
       "7:16: no upstream is called \"c\" (did you mean \"a\"?)"},
      {with_routes("  - {upstream: a, match: {listener: lcal}}\n"),
       "7:37: no listener is called \"lcal\""},
      {with_routes("  - {upstream: a, match: {path: /x}}\n"),
       "7:27: unknown key \"path\" in \"match\" in route 1"},
      {with_routes("  - {upstream: a, match: {path_prefix: x}}\n"),
       "7:40: \"path_prefix\" must begin with \"/\""},
      {with_routes("  - {upstream: a, match: {path_prefix: /x/}}\n"),
       "7:40: \"path_prefix\" must not end with \"/\": it matches whole segments anyway"},
      {with_routes("  - {upstream: a, match: {path_prefix: /x/**}}\n"),
       "7:40: \"path_prefix\" must be a plain path: no escapes, query, patterns or \"\\\""},
      {with_routes("  - {upstream: a, match: {path_prefix: /x/../y}}\n"),
       "7:40: \"path_prefix\" must not have a segment that ends in a dot or a space"},
      {with_routes("  - {upstream: a, match: {path_prefix: //x}}\n"),
       "7:40: \"path_prefix\" must not have \"//\""},
      {with_routes("  - {upstream: a, match: {host: \"a:80\"}}\n"),
       "7:33: \"host\" must be a host without a port: ports are ignored"},
      {with_routes("  - {upstream: a, match: {path_prefix: /x}, strip_prefix: /y}\n"),
       "7:59: \"strip_prefix\" must be the path_prefix of the route (\"/x\") or lead up to it"},
      {with_routes("  - {upstream: b, match: {path_prefix: /x}, strip_prefix: /X}\n"),
       "7:59: \"strip_prefix\" must be the path_prefix of the route (\"/x\") or lead up to it"},
      {with_routes("  - {upstream: a, cookies: keep}\n"),
       "7:28: \"cookies\" must be strip or pass"},
      {with_routes("  - {upstream: a, name: a/b}\n"),
       "7:25: a name has letters, digits, \"-\", \"_\" and \".\" only, and at most 64 of them"},
      {with_routes(
           "  - {upstream: a, name: r, match: {path_prefix: /x}}\n  - {upstream: b, name: r}\n"),
       "8:5: two routes are called \"r\""},
      {with_routes("  []\n"),
       "6:1: \"routes\" needs at least one entry: without any, remove the key"},
      {with_routes("  - {upstream: a, login_paths: stubs}\n"),
       "7:32: \"login_paths\" must be stub, refuse or pass (did you mean \"stub\"?)"},
  });
}

TEST_CASE("pages that keep their session in cookies need a route that lets them pass") {
  constexpr std::string_view upstreams =
      "upstreams:\n  a:\n    url: https://a\n    auth: {type: kaseya-soap, username: u, password: "
      "{file: p}, page_paths: [/SystemTab/**]}\n";
  const auto with = [&](std::string_view routes) {
    return with_head(fmt::format("{}{}", upstreams, routes));
  };
  CHECK(first_problem_of(with("")) ==
        "3:1: \"page_paths\" needs a route with cookies: pass, for the pages keep their session in "
        "cookies: write routes: [{upstream: a, cookies: pass}]");
  CHECK_THAT(first_problem_of(with("routes:\n  - {upstream: a}\n")),
             Catch::StartsWith("7:1: \"page_paths\" needs a route with cookies: pass"));
  good_settings(with("routes:\n  - {upstream: a, cookies: pass}\n"));
  good_settings(
      with("routes:\n  - {upstream: a, match: {path_prefix: /vsaWS}}\n  - {upstream: a, cookies: "
           "pass}\n"));
}

}  // namespace
}  // namespace vsaproxy::settings
