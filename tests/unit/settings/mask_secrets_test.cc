#include "proxy/settings/mask_secrets.h"

#include <catch2/catch.hpp>

#include "proxy/settings/known_keys.h"
#include "proxy/settings/source_text.h"

namespace vsaproxy::settings {
namespace {

std::string mask(std::string_view text) {
  std::string result;
  for (const std::string& line : mask_secrets(split_lines(text))) result += line + "\n";
  return result;
}

TEST_CASE("keys that may hold a secret are told from those that don't") {
  for (const std::string_view key :
       {"token", "Password", "pasword", "tokne", "toekn", "client_secret", "api-key", "key",
        "my_token", "DB_PASSWORD", "value", "refresh_token", "apikey", "client_key"}) {
    CAPTURE(key);
    CHECK(may_hold_secret(key));
  }
  for (const std::string_view key :
       {"username", "user_name", "url", "listen", "auth", "credentials", "type", "name",
        "password_formula", "timeouts", "tls", "two_factor", "methods", "base", "vsa-emea",
        "client_certificate", "pin_sha256"}) {
    CAPTURE(key);
    CHECK_FALSE(may_hold_secret(key));
  }
}

TEST_CASE("a secret written by value is never shown") {
  const std::string_view files[] = {
      "token: HIDDEN",
      "  token :   HIDDEN # comment",
      "token:HIDDEN",
      "token HIDDEN",
      "token=HIDDEN",
      "\"token\": \"HIDDEN\"",
      "'token' : 'HIDDEN'",
      "\"token\" \"HIDDEN\"",
      "{\"type\": \"basic\", 'token' HIDDEN}",
      "\"token\"\n  \"HIDDEN\"",
      "{type: kaseya-vsa9, token: HIDDEN}",
      "{token: {file: x}, password: HIDDEN}",
      "token: {file: x}HIDDEN",
      "token: {file: \"HIDDEN\"}",
      "token: {fil: HIDDEN}",
      "token: [HIDDEN]",
      "token: |\n  HIDDEN\n\n  HIDDEN",
      "token: >-\n      HIDDEN: a\n      HIDDEN",
      "token:\n  HIDDEN",
      "token:\n  - HIDDEN",
      "token: \"a\n  HIDDEN\n  b: HIDDEN\"\nname: x",
      "a:\n  token: \"a\nHIDDEN\nb: HIDDEN\"",
      "token: {\n  file: HIDDEN\n}",
      "? token\n: HIDDEN",
      "pasword: HIDDEN",
      "tokne: HIDDEN",
      "x_password: HIDDEN",
      "token:\n# comment\n  HIDDEN",
      "# token: HIDDEN",
      "url: https://user:HIDDEN@example.com/path",
      "url: https://example.com/path?token=HIDDEN",
      "url: https://example.com/path?t=HIDDEN",
  };
  for (const std::string_view file : files) {
    CAPTURE(file);
    CHECK(mask(file).find("HIDDEN") == std::string::npos);
  }
}

TEST_CASE("what is no secret stays readable") {
  CHECK(mask("username: svc\ntoken: {file: vsa.pat}\nbase: /api\n") ==
        "username: svc\ntoken: {file: vsa.pat}\nbase: /api\n");
  CHECK(mask("{token: {file: vsa.pat}, user_name: svc}") ==
        "{token: {file: vsa.pat}, user_name: svc}\n");
  CHECK(mask("  token: abc\n  user_name: svc\n") == "  token: ***\n  user_name: svc\n");
  CHECK(mask("url: https://example.com/x") == "url: https://example.com/x\n");
  CHECK(mask("url: https://u:p@example.com") == "url: https://***@example.com\n");
  CHECK(mask("# the token of the account\nlisten: 1\n") == "# the token ***\nlisten: 1\n");
  CHECK(mask("token:\n  abc\n- name: x\n") == "token:\n  ***\n- name: x\n");
}

}  // namespace
}  // namespace vsaproxy::settings
