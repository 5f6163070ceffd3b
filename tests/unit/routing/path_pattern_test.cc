#include "proxy/routing/path_pattern.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

bool matches(std::string_view pattern, std::string_view path,
             PathCase path_case = PathCase::insensitive) {
  const auto parsed = PathPattern::parse(pattern);
  REQUIRE(parsed);
  return parsed->matches(path, path_case);
}

TEST_CASE("a star is one segment, two stars are any number") {
  struct Row {
    std::string_view pattern, path;
    bool fits;
  };
  const Row rows[] = {
      {"/", "/", true},
      {"/", "/a", false},
      {"/a", "/a", true},
      {"/a", "/a/", true},
      {"/a/", "/a", true},
      {"/a", "/ab", false},
      {"/a", "/a/b", false},
      {"/a/*", "/a/b", true},
      {"/a/*", "/a", false},
      {"/a/*", "/a/", false},
      {"/a/*", "/a/b/c", false},
      {"/*/b", "/a/b", true},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"/a/**", "/a", true},
      {"/a/**", "/a/", true},
      {"/a/**", "/a/b/c", true},
      {"/a/**", "/ab", false},
      {"/a/**/z", "/a/z", true},
      {"/a/**/z", "/a/b/c/z", true},
      {"/a/**/z", "/a/z/y", false},
      {"/a/**/z", "/a/z/y/z", true},
      {"/**/b/**/c", "/b/a/b/c", true},
      {"/**/b/*/c", "/b/b/x/c", true},
      {"/**/b/*/c", "/b/x/c/d", false},
      {"/**/**", "/", true},
      {"/a/**/*", "/a", false},
      {"/a/**/*", "/a/b/c", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.path);
    CHECK(matches(row.pattern, row.path) == row.fits);
  }
}

TEST_CASE("a pattern ignores ASCII case unless told otherwise") {
  CHECK(matches("/API/V1.0/*", "/api/v1.0/x"));
  CHECK_FALSE(matches("/API/*", "/api/x", PathCase::sensitive));
  CHECK(matches("/API/*", "/API/x", PathCase::sensitive));
}

TEST_CASE("a path of many segments against many stars is matched in bounded time") {
  std::string pattern;
  std::string path;
  for (int i = 0; i < 200; ++i) pattern += "/**/a";
  for (int i = 0; i < 2000; ++i) path += "/a";
  CHECK(matches(pattern, path));
  CHECK_FALSE(matches(pattern + "/b", path));
}

TEST_CASE("a pattern that could never match, or two ways, is refused with the fix") {
  for (const std::string_view text : {"", "a", "**", "/a//b", "/a*", "/*.asmx", "/a/***", "/a%2fb",
                                      "/a?b", "/a#b", "/a\\b", "/a./b", "/a /b"}) {
    CAPTURE(text);
    const auto parsed = PathPattern::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK_THAT(parsed.error().detail, Catch::StartsWith("must "));
  }
}

TEST_CASE("a pattern covers another if no path tells them apart to its disadvantage") {
  struct Row {
    std::string_view pattern, other;
    bool covers;
  };
  const Row rows[] = {
      {"/**", "/a/*/b", true},      {"/**", "/**", true},         {"/a/**", "/a", true},
      {"/a/**", "/A/*/x/**", true}, {"/a/*", "/a/b", true},       {"/a/*", "/a/*", true},
      {"/a/*", "/a/**", false},     {"/a/b", "/a/*", false},      {"/a/**", "/**", false},
      {"/a/**", "/b/**", false},    {"/*/b", "/a/b", true},       {"/**/z", "/a/b/z", true},
      {"/**/z", "/a/b/*", false},   {"/a/**/z", "/a/**/z", true}, {"/a", "/a/", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.other);
    CHECK(PathPattern::parse(row.pattern)
              ->covers(*PathPattern::parse(row.other), PathCase::insensitive) == row.covers);
  }
  CHECK_FALSE(
      PathPattern::parse("/a/**")->covers(*PathPattern::parse("/A/x"), PathCase::sensitive));
}

TEST_CASE("a pattern that no path of a prefix can match is told") {
  struct Row {
    std::string_view pattern, prefix;
    bool can;
  };
  const Row rows[] = {
      {"/api/**", "/", true},   {"/api/**", "/api", true},    {"/api/x", "/api", true},
      {"/api", "/api", true},   {"/api/**", "/api/v1", true}, {"/**/x", "/api", true},
      {"/*/x", "/api", true},   {"/other/**", "/api", false}, {"/api", "/api/v1", false},
      {"/*", "/api/v1", false}, {"/", "/api", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.prefix);
    CHECK(PathPattern::parse(row.pattern)->can_match_below(row.prefix, PathCase::insensitive) ==
          row.can);
  }
}

}  // namespace
}  // namespace vsaproxy::routing
