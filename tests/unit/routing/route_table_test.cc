#include "proxy/routing/route_table.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

RouteRule prefix(std::string path, bool case_sensitive = false) {
  return {
      .path_prefix = std::move(path), .host = "", .listener = "", .case_sensitive = case_sensitive};
}

TEST_CASE("a path prefix ends at a segment") {
  struct Row {
    std::string_view path, prefix;
    bool matches;
  };
  const Row rows[] = {{"/vsa", "/vsa", true},   {"/vsa/", "/vsa", true},  {"/vsa/x", "/vsa", true},
                      {"/vsax", "/vsa", false}, {"/vs", "/vsa", false},   {"/", "/vsa", false},
                      {"/", "/", true},         {"/any/x", "/", true},    {"/a/b/c", "/a/b", true},
                      {"/a/bc", "/a/b", false}, {"/x/vsa", "/vsa", false}};
  for (const Row& row : rows) {
    CAPTURE(row.path, row.prefix);
    CHECK(has_path_prefix(row.path, row.prefix, PathCase::sensitive) == row.matches);
  }
}

TEST_CASE("ASCII case is ignored unless the rule says otherwise") {
  CHECK(has_path_prefix("/VSA/x", "/vsa", PathCase::insensitive));
  CHECK_FALSE(has_path_prefix("/VSA/x", "/vsa", PathCase::sensitive));
  CHECK(has_path_prefix("/\xc3\x9c/x", "/\xc3\x9c", PathCase::insensitive));
  CHECK_FALSE(has_path_prefix("/\xc3\xbc/x", "/\xc3\x9c", PathCase::insensitive));
}

TEST_CASE("the first matching route wins") {
  const RouteTable table({prefix("/a/b"), prefix("/a"), prefix("/a/c"), prefix("/")});
  CHECK(table.find("l", "h", "/a/b/x") == 0U);
  CHECK(table.find("l", "h", "/A/c") == 1U);
  CHECK(table.find("l", "h", "/other") == 3U);
}

TEST_CASE("listener and host narrow a route") {
  const RouteTable table({{"/", "one.example.com", "", false}, {"/", "", "local", false}});
  CHECK(table.find("lan", "one.example.com", "/") == 0U);
  CHECK(table.find("local", "two.example.com", "/") == 1U);
  CHECK(table.find("lan", "two.example.com", "/") == std::nullopt);
}

TEST_CASE("without a matching route there is none") {
  CHECK(RouteTable({prefix("/vsa")}).find("l", "h", "/api") == std::nullopt);
  CHECK(RouteTable({}).find("l", "h", "/") == std::nullopt);
}

TEST_CASE("a route covers a later one that matches nothing else") {
  struct Row {
    RouteRule earlier, later;
    bool covered;
  };
  const Row rows[] = {
      {prefix("/"), prefix("/x"), true},
      {prefix("/x"), prefix("/x"), true},
      {prefix("/X"), prefix("/x/y"), true},
      {prefix("/x/y"), prefix("/x"), false},
      {prefix("/x"), prefix("/xy"), false},
      {{"/", "", "local", false}, prefix("/"), false},
      {prefix("/"), {"/", "", "local", false}, true},
      {{"/", "a.example", "", false}, {"/", "b.example", "", false}, false},
      {{"/", "a.example", "", false}, {"/x", "a.example", "local", false}, true},
      {prefix("/x", true), prefix("/x", false), false},
      {prefix("/1", true), prefix("/1", false), true},
      {prefix("/", true), prefix("/x", false), true},
      {prefix("/x", false), prefix("/X", true), true},
      {prefix("/x", true), prefix("/X", true), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.earlier.path_prefix, row.earlier.host, row.later.path_prefix, row.later.host);
    CHECK(covers(row.earlier, row.later) == row.covered);
  }
}

}  // namespace
}  // namespace vsaproxy::routing
