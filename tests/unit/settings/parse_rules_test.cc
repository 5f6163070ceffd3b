#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// The routes stand from line 6 on; upstream a takes any case, upstream b does not.
std::string with_route(std::string_view keys) {
  return with_head(fmt::format(
      "upstreams:\n  a: {{url: https://a, auth: none}}\n  b: {{url: https://b, auth: none, "
      "case: sensitive}}\nroutes:\n  - {{upstream: a, {}}}\n",
      keys));
}

TEST_CASE("the rules of a route are read") {
  const auto settings = good_settings(with_upstream(R"(mode: observe
routes:
  - upstream: vsa
    methods: read
    allow:
      - {methods: [GET], paths: [/api/v1.0/**, /status]}
      - paths: [/other]
    deny: [{methods: all, paths: ["/api/*/secret"]}, {methods: [HEAD]}]
    raw_paths: true
)"));
  CHECK(settings.mode == RuleMode::observe);
  const Route& route = settings.routes.at(0);
  CHECK(route.raw_paths);
  CHECK(route.rules.methods == std::vector<std::string>{"GET", "HEAD"});
  REQUIRE(route.rules.allow.size() == 2);
  CHECK(route.rules.allow[0].methods == std::vector<std::string>{"GET"});
  REQUIRE(route.rules.allow[0].paths.size() == 2);
  CHECK(route.rules.allow[0].paths[1].text() == "/status");
  CHECK(route.rules.allow[1].methods.empty());
  REQUIRE(route.rules.deny.size() == 2);
  CHECK(route.rules.deny[0].methods.empty());
  CHECK(route.rules.deny[0].paths.at(0).text() == "/api/*/secret");
  CHECK(route.rules.deny[1].paths.empty());
}

TEST_CASE("without rules everything is let through, and refusals are meant") {
  const auto settings = good_settings(with_route("methods: all, deny: [], raw_paths: false"));
  CHECK(settings.mode == RuleMode::enforce);
  CHECK(settings.routes[0].rules.empty());
  CHECK_FALSE(settings.routes[0].raw_paths);
}

TEST_CASE("rules that make no sense are refused") {
  check_bad_files({
      {with_upstream("mode: off\n"), "5:7: \"mode\" must be enforce or observe"},
      {with_route("methods: write"), "7:28: \"methods\" must be all, read or a list of methods"},
      {with_route("methods: [get]"), "7:29: must be a method in capitals: GET"},
      {with_route("allow: []"),
       "7:19: \"allow\" needs at least one entry: without the key everything is allowed"},
      {with_route("allow: /x"),
       "7:26: \"allow\" must be a list: write it in brackets, as in [a, b]"},
      {with_route("allow: [/x]"), "7:27: must be a mapping of keys and values"},
      {with_route("allow: [{methods: [GET], path: [/x]}]"),
       "7:44: unknown key \"path\" in \"allow\" in route 1 (did you mean \"paths\"?)"},
      {with_route("allow: [{}]"), "7:27: a rule needs methods, paths or both"},
      {with_route("allow: [{paths: []}]"),
       "7:28: \"paths\" needs at least one pattern: without any, remove the key"},
      {with_route("allow: [{paths: [x]}]"), "7:36: a pattern must begin with \"/\""},
      {with_route("deny: [{paths: [/x*]}]"),
       "7:35: a pattern must have \"*\" or \"**\" as whole segments, as in /api/*/agents/**"},
      {with_route("deny: [{paths: [\"/a;b\"]}]"),
       "7:35: a pattern must have no \";\": such paths are refused where there are rules"},
      {with_route("raw_paths: some"), "7:30: \"raw_paths\" must be true or false"},
  });
}

TEST_CASE("rules that change nothing or contradict each other are refused") {
  check_bad_files({
      {with_route("allow: [{paths: [/a/**, /A/b]}]"),
       "7:43: this pattern changes nothing: the one before it on line 7 has all that it has"},
      {with_route("match: {path_prefix: /api}, allow: [{paths: [/other/**]}]"),
       "7:64: this pattern is never matched: the paths of the route, without strip_prefix, begin "
       "with \"/api\""},
      {with_route("methods: read, allow: [{methods: [POST], paths: [/x]}]"),
       "7:43: this rule changes nothing: methods of the route has none of its methods"},
      {with_route("allow: [{methods: [GET], paths: [/api/x/*]}], deny: [{paths: [/api/**]}]"),
       "7:52: this pattern never allows anything: deny on line 7 has all that it has, and wins"},
      {with_route("allow: [{methods: [GET], paths: [/api/x/*]}], deny: [{methods: [GET, HEAD]}]"),
       "7:52: this pattern never allows anything: deny on line 7 has all that it has, and wins"},
  });
  good_settings(with_route("allow: [{paths: [/api/**]}], deny: [{paths: [/api/x]}]"));
  good_settings(
      with_route("allow: [{paths: [/api/x]}], deny: [{methods: [DELETE], paths: [/api/**]}]"));
  good_settings(
      with_route("match: {path_prefix: /vsa/api}, strip_prefix: /vsa, allow: [{paths: "
                 "[/api/x, /**/y]}]"));
}

TEST_CASE("the number of rules is bounded") {
  std::string many;
  for (int i = 0; i <= 64; ++i) many += fmt::format("/{}, ", i);
  CHECK(first_problem_of(with_route("deny: [{paths: [" + many + "]}]")) ==
        "7:27: \"paths\" must have at most 64 patterns");
}

}  // namespace
}  // namespace vsaproxy::settings
