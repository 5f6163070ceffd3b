#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// The cache stands in line 8.
std::string with_cache(std::string_view cache) {
  return with_head(
      fmt::format("credentials:\n  c:\n    type: kaseya-vsa9\n    username: u\n    token: {{file: "
                  "t}}\n    cache: {}\nupstreams: {{vsa: {{url: https://a, auth: c}}}}\n",
                  cache));
}

}  // namespace

TEST_CASE("a session can be kept in a file") {
  const auto settings = good_settings(with_cache("{file: vsa.session, key: {systemd: cache-key}}"));
  const auto& cache = settings.credentials.at(0).cache;
  REQUIRE(cache.has_value());
  CHECK(cache->file == "vsa.session");
  CHECK(cache->key.kind == base::SecretRef::Kind::systemd);
  CHECK(cache->key.name == "cache-key");
  CHECK_FALSE(good_settings(smallest_file).credentials.at(0).cache.has_value());
}

TEST_CASE("a cache needs a file and a key by reference") {
  check_bad_files({
      {with_cache("vsa.session"), "8:12: \"cache\" must be a mapping of keys and values"},
      {with_cache("{file: a, key: {file: k}, mode: 1}"),
       "8:38: unknown key \"mode\" in \"cache\" in credential \"c\""},
      {with_cache("{key: {file: k}}"),
       "8:5: missing key \"file\" in \"cache\" in credential \"c\": write the name of a file in "
       "state_dir"},
      {with_cache("{file: a}"),
       "8:5: missing key \"key\" in \"cache\" in credential \"c\": write {file: PATH} or {systemd: "
       "NAME} of a text to seal the file with"},
      {with_cache("{file: ../a, key: {file: k}}"),
       "8:19: \"file\" must be the path of a file, without \"..\""},
      {with_cache("{file: a/, key: {file: k}}"),
       "8:19: \"file\" must be the path of a file, without \"..\""},
  });
  const std::string problem = first_problem_of(with_cache("{file: a, key: a-text-by-value}"));
  CHECK(problem.find("8:22: \"key\" takes no value here") == 0);
}

TEST_CASE("a cache takes none of the proxy's own files") {
  for (const std::string_view file : {"a.lock", "x/a.tmp", "logins/a", "./logins//x/a", "logins"}) {
    CAPTURE(file);
    CHECK_THAT(first_problem_of(with_cache(fmt::format("{{file: {}, key: {{file: k}}}}", file))),
               Catch::StartsWith("8:5: \"cache\" takes the name of a file of the proxy's own"));
  }
  for (const std::string_view file : {"lock", "a.lock/b", "x/logins/a", "loginsa"}) {
    CAPTURE(file);
    good_settings(with_cache(fmt::format("{{file: {}, key: {{file: k}}}}", file)));
  }
}

TEST_CASE("a credential that does not log in has nothing to keep") {
  CHECK(first_problem_of(with_head(
            "upstreams:\n  vsa:\n    url: https://a\n    auth: {type: header, name: X, value: "
            "{file: v}, cache: {file: a, key: {file: k}}}\n")) ==
        "6:53: \"cache\" has nothing to keep: this credential does not log in");
}

TEST_CASE("each session has a file of its own") {
  constexpr std::string_view credential =
      "{type: kaseya-vsa9, username: u, token: {file: t}, cache: {file: a, key: {file: k}}}";
  CHECK(
      first_problem_of(with_head(
          fmt::format("credentials:\n  a: {0}\n  b: {0}\nupstreams: {{a: {{url: https://a, auth: "
                      "a}}, b: {{url: https://b, auth: b}}}}\nroutes: [{{upstream: a, match: "
                      "{{path_prefix: /a}}}}, {{upstream: b}}]\n",
                      credential))) ==
      "5:57: \"cache\" names the same file as that of credential \"a\": each session needs a file "
      "of its own");
  const auto with_two = [](std::string_view state_dir, std::string_view a, std::string_view b) {
    constexpr std::string_view one =
        "{{type: kaseya-vsa9, username: u, token: {{file: t}}, cache: {{file: {}, key: {{file: "
        "k}}}}}}";
    return first_problem_of(with_head(fmt::format(
        "{}credentials:\n  a: {}\n  b: {}\nupstreams: {{a: {{url: https://a, auth: a}}, b: {{url: "
        "https://b, auth: b}}}}\nroutes: [{{upstream: a, match: {{path_prefix: /a}}}}, {{upstream: "
        "b}}]\n",
        state_dir, fmt::format(one, a), fmt::format(one, b))));
  };
  CHECK_THAT(with_two("", "x/./a", "x//a"), Catch::Contains("names the same file"));
  CHECK_THAT(with_two("state_dir: /s\n", "./a", "/s/a"), Catch::Contains("names the same file"));
  CHECK(with_two("state_dir: /s\n", "a", "/a").empty());
  CHECK(first_problem_of(with_head(
            fmt::format("credentials:\n  a: {0}\nupstreams: {{a: {{url: https://a, auth: "
                        "a}}, b: {{url: https://b, auth: a}}}}\nroutes: [{{upstream: a, match: "
                        "{{path_prefix: /a}}}}, {{upstream: b}}]\n",
                        credential))) ==
        "4:57: \"cache\" holds one session, and credential \"a\" logs in at two servers: write a "
        "credential for each, with a file of its own");
}

}  // namespace vsaproxy::settings
