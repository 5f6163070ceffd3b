#include "proxy/settings/parse_settings.h"

#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

TEST_CASE("the smallest file is accepted") {
  const Settings settings = good_settings(smallest_file);
  REQUIRE(settings.listeners.size() == 1);
  CHECK(settings.listeners[0].name == "127.0.0.1:3128");
  REQUIRE(settings.upstreams.size() == 1);
  CHECK(settings.upstreams[0].origin.to_string() == "https://vsa.example.com");
  REQUIRE(settings.upstreams[0].credential == 0U);
  CHECK(settings.credentials[0].name == "vsa");
  CHECK(settings.credentials[0].values.text("username") == "svc-legacy");
  REQUIRE(settings.credentials[0].values.secret("token") != nullptr);
  CHECK(settings.credentials[0].values.secret("token")->name == "vsa.pat");
  CHECK(settings.credentials[0].values.secret("token")->place.line == 9);
  REQUIRE(settings.routes.size() == 1);
  CHECK(settings.routes[0].name == "vsa");
  CHECK(settings.routes[0].path_prefix == "/");
}

TEST_CASE("a byte order mark and CRLF line ends change nothing") {
  std::string text = "\xef\xbb\xbf";
  for (const char c : smallest_file) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(good_settings(text).credentials[0].values.secret("token")->place.column == 7);
}

TEST_CASE("the version decides whether anything else is read") {
  check_bad_files({
      {"listen: 127.0.0.1:1\nupstreams: {a: {url: https://a, auth: none}}\n",
       "1:1: missing key \"version\" at the top level: write version: 1"},
      {"version: 2\nnew_key: 1\n",
       "1:10: \"version\" is newer than this program understands: it reads version 1"},
      {"version: one\n",
       "1:1: missing key \"listen\" at the top level: write listen: 127.0.0.1:3128"},
      {with_upstream("version: 1\n"),
       "5:1: duplicate key \"version\" at the top level (first on line 1)"},
      {"[]", "1:1: must be a mapping of keys and values"},
  });
  CHECK(problems_of("version: 2\nnew_key: 1\n").size() == 1);
  CHECK(problems_of("version: 0\n").back() == "1:10: \"version\" must be 1");
}

TEST_CASE("keys that are unknown, repeated or empty are reported at their place") {
  check_bad_files({
      {with_upstream("worker: 1\n"),
       "5:1: unknown key \"worker\" at the top level (did you mean \"workers\"?)"},
      {with_upstream("frobnicate: 1\n"), "5:1: unknown key \"frobnicate\" at the top level"},
      {with_upstream("limits: {header_bites: 1KiB}\n"),
       "5:10: unknown key \"header_bites\" in \"limits\" (did you mean \"header_bytes\"?)"},
      {with_upstream("limits: {connections: 1, connections: 1}\n"),
       "5:26: duplicate key \"connections\" in \"limits\" (first on line 5)"},
      {with_upstream("workers:\n"), "5:1: \"workers\" has no value: write one, or remove the key"},
      {with_upstream("limits: []\n"), "5:1: \"limits\" must be a mapping of keys and values"},
      {with_upstream("limits: none\n"), "5:9: \"limits\" must be a mapping of keys and values"},
  });
}

TEST_CASE("every key that is not built yet is called so, not unknown") {
  for (const std::string_view rest : {"connect: {allow: []}", "intercept: {hosts: []}"}) {
    const auto key = rest.substr(0, rest.find(':'));
    CHECK(first_problem_of(with_upstream(rest)) ==
          fmt::format("5:1: \"{}\" is not supported yet", key));
  }
  for (const std::string_view entry : {"proxy: {}"}) {
    const auto text =
        with_head(fmt::format("upstreams:\n  v: {{url: https://v, auth: none, {}}}\n", entry));
    CHECK(first_problem_of(text) ==
          fmt::format("4:35: \"{}\" is not supported yet", entry.substr(0, entry.find(':'))));
  }
}

TEST_CASE("all problems are reported at once, in the order of the file") {
  const auto problems = problems_of(
      "version: 1\nlisten: 3128\nlimits: {connections: many}\nupstreams:\n"
      "  a: {url: ftp://a, auth: b}\n");
  REQUIRE(problems.size() == 4);
  CHECK(problems[0].starts_with("2:9: \"listen\" must be"));
  CHECK(problems[1].starts_with("3:23: \"connections\" must be"));
  CHECK(problems[2].starts_with("5:12: \"url\" must be"));
  CHECK(problems[3] == "5:27: no credential is called \"b\"");
}

}  // namespace
}  // namespace vsaproxy::settings
