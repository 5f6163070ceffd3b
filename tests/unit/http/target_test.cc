#include "proxy/http/target.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace vsaproxy::http {

using base::ErrorKind;

namespace {

struct TargetCase {
  const char* method;
  const char* text;
  Form form;
  const char* authority;
  const char* path;
  const char* query;
};

}  // namespace

TEST_CASE("targets are read by their form") {
  const std::vector<TargetCase> cases = {
      {"GET", "/a/b?c=d", Form::origin, "", "/a/b", "?c=d"},
      {"GET", "/", Form::origin, "", "/", ""},
      {"GET", "//a?", Form::origin, "", "//a", "?"},
      {"GET", "/http://x/?y", Form::origin, "", "/http://x/", "?y"},
      {"GET", "http://h:80/a?b", Form::absolute, "h:80", "/a", "?b"},
      {"GET", "HTTPS://h", Form::absolute, "h", "/", ""},
      {"GET", "http://h?b", Form::absolute, "h", "/", "?b"},
      {"OPTIONS", "http://h", Form::absolute, "h", "*", ""},
      {"OPTIONS", "http://h?b", Form::absolute, "h", "/", "?b"},
      {"OPTIONS", "http://h/", Form::absolute, "h", "/", ""},
      {"OPTIONS", "*", Form::asterisk, "", "*", ""},
      {"CONNECT", "h:443", Form::authority, "h:443", "", ""},
      {"CONNECT", "[::1]:443", Form::authority, "[::1]:443", "", ""},
  };
  for (const TargetCase& test : cases) {
    CAPTURE(test.method, test.text);
    const auto target = parse_target(test.method, test.text);
    REQUIRE(target);
    CHECK(target->form == test.form);
    CHECK(target->authority == test.authority);
    CHECK(target->path == test.path);
    CHECK(target->query == test.query);
  }
}

TEST_CASE("a target whose form does not fit its method is refused") {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"GET", ""},
      {"GET", "*"},
      {"GET", "a/b"},
      {"GET", "h:443"},
      {"GET", "ftp://h/"},
      {"GET", "http:///a"},
      {"GET", "http:/h/a"},
      {"GET", "://h/a"},
      {"GET", "http://u@h/a"},
      {"GET", "http://h:x/a"},
      {"OPTIONS", "*/a"},
      {"CONNECT", "/a"},
      {"CONNECT", "h"},
      {"CONNECT", "h:0"},
      {"CONNECT", "http://h:443/"},
      {"CONNECT", "*"},
      {"CONNECT", "h:443/a"},
  };
  for (const auto& [method, text] : cases) {
    CAPTURE(method, text);
    const auto target = parse_target(method, text);
    REQUIRE_FALSE(target);
    CHECK(target.error().kind == ErrorKind::bad_request);
  }
}

TEST_CASE("authorities are split into host and port") {
  CHECK(parse_authority("VSA.example.com") == Authority{"vsa.example.com", {}, false});
  CHECK(parse_authority("h:443") == Authority{"h", 443, false});
  CHECK(parse_authority("h:") == Authority{"h", {}, false});
  CHECK(parse_authority("127.0.0.1:0") == Authority{"127.0.0.1", 0, false});
  CHECK(parse_authority("[2001:DB8::1]:8443") == Authority{"2001:db8::1", 8443, true});
  CHECK(parse_authority("[::ffff:1.2.3.4]") == Authority{"::ffff:1.2.3.4", {}, true});
  CHECK(parse_authority("a_b.example.") == Authority{"a_b.example.", {}, false});
}

TEST_CASE("what is not a host and port is no authority") {
  for (const char* text : {"",         ":80",
                           "a b",      "a,b",
                           "u@h",      "h/a",
                           "http://h", "h:99999",
                           "h:65536",  "h:123456",
                           "h:000080", "h:+1",
                           "h:-1",     "h: 1",
                           "h:1:2",    "::1",
                           "[::1",     "[::1]x",
                           "[::1]:x",  "[h]",
                           "[]",       "[fe80::1%25lo]",
                           ".h",       "a..b",
                           "h%41",     "h\t",
                           "\"h\"",    "*",
                           "h?",       "h#",
                           "h\\a"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_authority(text));
    CHECK_FALSE(is_authority(text));
  }
  CHECK_FALSE(is_authority(std::string_view("[::1\0]", 6)));
  CHECK_FALSE(is_authority(std::string(254, 'h')));
  CHECK(is_authority(std::string(253, 'h')));
}

TEST_CASE("URLs are the same origin when scheme, host and port agree") {
  const auto origin = [](const char* text) { return parse_url(text)->origin; };
  CHECK(origin("https://VSA.example.com/a") == origin("HTTPS://vsa.example.com:443"));
  CHECK_FALSE(origin("https://h/") == origin("http://h/"));
  CHECK_FALSE(origin("https://h/") == origin("https://h:8443/"));
  CHECK_FALSE(origin("https://h/") == origin("https://h./"));
  CHECK(origin("https://h:443/").to_string() == "https://h");
  CHECK(origin("http://h:443/").to_string() == "http://h:443");
  CHECK(origin("http://[::1]:8080/").to_string() == "http://[::1]:8080");
  CHECK(origin("https://[::1]/").authority() == "[::1]");
}

TEST_CASE("a URL keeps its path and query") {
  CHECK(parse_url("https://h")->path == "/");
  CHECK(parse_url("https://h?a=b")->path == "/?a=b");
  CHECK(parse_url("https://h/a/b?c=d")->path == "/a/b?c=d");
}

TEST_CASE("URLs that could be read in two ways are refused") {
  for (const char* text :
       {"", "h", "/a", "//h/a", "ftp://h/", "https://", "https:///a", "https://u:p@h/",
        "https://h/#f", "https://h\\a", "https://h/ a", "https://h/\xc3\xa9", "https://h:0/",
        "https://h:x/", "javascript://h", "https://h\r\n/"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_url(text));
  }
}

}  // namespace vsaproxy::http
