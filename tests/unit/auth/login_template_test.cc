#include "proxy/auth/login_template.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

std::string filled(std::string_view text, const TemplateValues& values, Encoding encoding) {
  const auto result = fill_template(text, values, encoding, "key");
  REQUIRE(result);
  return std::string(result->reveal());
}

}  // namespace

TEST_CASE("a value is encoded for its place and can't break out of it") {
  const TemplateValues values = {"a\"b\\", "s&c=1\n{{token}}", "t"};
  CHECK(filled(R"({"u":"{{username}}","p":"x{{ secret }}y"})", values, Encoding::json) ==
        R"({"u":"a\"b\\","p":"xs&c=1\n{{token}}y"})");
  CHECK(filled("<{{secret}}>", values, Encoding::raw) == "<s&c=1\n{{token}}>");
  CHECK(filled("/l/{{username}}?x", {"a b/../?#", "", ""}, Encoding::uri) ==
        "/l/a%20b%2F..%2F%3F%23?x");
  CHECK(filled("Session {{token}}", values, Encoding::none) == "Session t");
  CHECK(filled("plain } {x}", values, Encoding::none) == "plain } {x}");
}

TEST_CASE("a value with a control character is refused where nothing can escape it") {
  const auto result = fill_template("X {{secret}}", {"", "a\r\nb", ""}, Encoding::none, "headers");
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == base::ErrorKind::configuration);
  CHECK(result.error().detail ==
        "the secret has a line break or another control character, which can't stand in "
        "\"headers\"");
}

TEST_CASE("only known placeholders are accepted") {
  CHECK(template_fault("{{username}} {{ secret }}", "username secret") == "");
  CHECK(template_fault("no {braces} }} here", "username") == "");
  for (const std::string_view text : {"{{user}}", "{{}}", "{{username secret}}", "{{token}}"}) {
    CAPTURE(text);
    CHECK(template_fault(text, "username secret") != "");
  }
  CHECK(template_fault("{{username", "username") == "has {{ without }}");
}
