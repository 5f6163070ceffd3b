#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proxy/http/raw_path.h"
#include "proxy/http/target.h"

namespace vsaproxy::http {

namespace {

struct PathCase {
  const char* received;
  const char* sent;
  const char* decoded;
};

constexpr PathOptions no_rules{};
constexpr PathOptions rules{.has_rules = true, .raw_paths = false};
constexpr PathOptions raw{.has_rules = true, .raw_paths = true};

void check_refused(const char* path, PathOptions options) {
  CAPTURE(path);
  const auto normalized = normalize_path(path, options);
  REQUIRE_FALSE(normalized);
  CHECK(normalized.error().kind == base::ErrorKind::bad_path);
}

}  // namespace

TEST_CASE("a path is sent as it was matched, with double slashes merged") {
  const std::vector<PathCase> cases = {
      {"/", "/", "/"},
      {"//", "/", "/"},
      {"//a///b//", "/a/b/", "/a/b/"},
      {"/%41%2d%7E", "/%41%2d%7E", "/A-~"},
      {"/caf%C3%A9", "/caf%C3%A9", "/caf\xc3\xa9"},
      {"/%F0%9F%98%80", "/%F0%9F%98%80", "/\xf0\x9f\x98\x80"},
      {"/100%25", "/100%25", "/100%"},
      {"/100%25/a%25x", "/100%25/a%25x", "/100%/a%x"},
      {"/a%3Fb%23c", "/a%3Fb%23c", "/a?b#c"},
      {"/a+b/..c/c..d/.e", "/a+b/..c/c..d/.e", "/a+b/..c/c..d/.e"},
      {"/a%20b", "/a%20b", "/a b"},
      {"/(S)/x(y)", "/(S)/x(y)", "/(S)/x(y)"},
      {"/api/v1.0/.b/c..d/", "/api/v1.0/.b/c..d/", "/api/v1.0/.b/c..d/"},
  };
  for (const PathCase& test : cases) {
    CAPTURE(test.received);
    const auto path = normalize_path(test.received, rules);
    REQUIRE(path);
    CHECK(path->sent == test.sent);
    CHECK(path->decoded == test.decoded);
    CHECK(normalize_path(path->sent, rules)->sent == path->sent);
  }
}

TEST_CASE("paths that two programs might read as two paths are refused") {
  for (const char* path : {"",
                           "a",
                           "*",
                           "/.",
                           "/..",
                           "/./a",
                           "/a/../b",
                           "/%2e",
                           "/%2E%2e/a",
                           "/.%2e",
                           "/..;x/a",
                           "/.;/a",
                           "/a%2fb",
                           "/a%2Fb",
                           "/a%5cb",
                           "/a%5Cb",
                           "/a\\b",
                           "/a%00",
                           "/a%0a",
                           "/a%1f",
                           "/a%7f",
                           "/%u002e",
                           "/%U002e",
                           "/%",
                           "/%4",
                           "/%zz",
                           "/%4g",
                           "/%252e",
                           "/%25%32%65",
                           "/%2541",
                           "/%c0%af",
                           "/%e0%80%af",
                           "/%f0%80%80%af",
                           "/%ed%a0%80",
                           "/%f5%80%80%80",
                           "/%f4%90%80%80",
                           "/%80",
                           "/%c3",
                           "/%c3/",
                           "/%e9",
                           "/a.",
                           "/a./b",
                           "/a...",
                           "/a%2e/b",
                           "/a%20",
                           "/a%20/b",
                           "/(S(x))/a",
                           "/a/(F(x))",
                           "/%28A(x)%29)",
                           "/(S(x)F(y))/a",
                           "/a#b",
                           "/a?b",
                           "/a b",
                           "/a\tb",
                           "/a\x7f",
                           "/\xc3\xa9"}) {
    check_refused(path, no_rules);
  }
}

TEST_CASE("a semicolon is refused only where rules are matched") {
  for (const char* path : {"/a;b", "/a%3bb", "/a%3Bb", "/a;"}) {
    check_refused(path, rules);
    CHECK(normalize_path(path, no_rules)->sent == path);
  }
}

TEST_CASE("a raw path keeps an escaped slash inside its segment") {
  CHECK(normalize_path("/a%2fb%2Fc", raw)->decoded == "/a%2Fb%2Fc");
  CHECK(normalize_path("/a%2fb%2Fc", raw)->sent == "/a%2fb%2Fc");
  for (const char* path : {"/a%2f..%2fb", "/..%2fb", "/a%2f.", "/a%2fb.", "/a.%2fb", "/a%5cb",
                           "/a%252fb", "/%25%32%46", "/x%2f(S(y))"}) {
    check_refused(path, raw);
  }
}

TEST_CASE("escaped slashes can be read as slashes, and runs of both are one") {
  CHECK(with_slashes("/a%2Fb/%2F%2Fc%2F") == "/a/b/c/");
  CHECK(with_slashes("/a/b%2") == "/a/b%2");
  CHECK(has_escaped_slash("/a%2Fb"));
  CHECK_FALSE(has_escaped_slash("/a/b%2"));
}

TEST_CASE("an object is used again without traces of its former path") {
  NormalizedPath path;
  REQUIRE(normalize_path("/a/long/path", rules, path));
  REQUIRE(normalize_path("/b", rules, path));
  CHECK(path.sent == "/b");
  CHECK(path.decoded == "/b");
}

}  // namespace vsaproxy::http
