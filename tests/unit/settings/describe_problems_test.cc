#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

std::string describe(std::string_view text) {
  return describe_problems(parse_settings(text, "c.yaml").problems, text, "c.yaml");
}

TEST_CASE("a problem is shown with its place, line, caret and fix") {
  CHECK(describe(R"(version: 1
listen: 127.0.0.1:3128
upstreams:
  vsa:
    url: https://vsa.example.com
    auth:
      type: kaseya-vsa9
      username: svc-legacy
      user_name: svc-legacy
      token: {file: vsa.pat}
)") == R"(c.yaml:9:7: unknown key "user_name" in credential "vsa" (did you mean "username"?)
    9 |       user_name: svc-legacy
      |       ^~~~~~~~~
)");
}

TEST_CASE("a secret written by value is shown as stars") {
  const auto text = describe(with_head(R"(upstreams:
  vsa:
    url: https://vsa.example.com
    auth: {type: kaseya-vsa9, username: u, token: hunter2}
)"));
  CHECK(
      text ==
      R"(c.yaml:6:44: "token" takes no value here: put the value into a file that only the proxy may read, and write {file: PATH}, {systemd: NAME}, {env: NAME} or {command: [PROGRAM]}
    6 |     auth: {type: kaseya-vsa9, username: u, token: ***
      |                                            ^~~~~
)");
}

TEST_CASE("the caret stands under characters, not bytes") {
  CHECK(describe(with_upstream("\"\xc3\xa4\xc3\xb6\": {}  # x\nlimits: {\"\xc3\xa4\": 1}\n"))
            .find("    6 | limits: {\"\xc3\xa4\": 1}\n      |          ^~~\n") !=
        std::string::npos);
}

TEST_CASE("what would disturb a terminal is not shown") {
  const auto text = describe("a: \x1b[31mred\n");
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("    1 | a: ?[31mred\n") != std::string::npos);
  CHECK(describe("a: \xff\n").find('\xff') == std::string::npos);
  CHECK(describe(with_upstream("\"\\e[31m\": 1\n")).find('\x1b') == std::string::npos);
}

TEST_CASE("a very long line and a very large file are not shown") {
  const std::string long_line = "a: " + std::string(1000, 'x');
  CHECK(describe(long_line).find('|') == std::string::npos);
  CHECK(describe(std::string((1 << 20) + 1, '\n')) ==
        "c.yaml:1:1: the file is larger than 1 MiB: that is no configuration\n");
}

TEST_CASE("without problems there is nothing to say") { CHECK(describe(smallest_file).empty()); }

}  // namespace
}  // namespace vsaproxy::settings
