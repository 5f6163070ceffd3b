#include "proxy/settings/problems.h"

#include <catch2/catch.hpp>

namespace vsaproxy::settings {
namespace {

TEST_CASE("edit distance counts letters added, removed, changed and swapped") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("user_name", "username") == 1);
  CHECK(edit_distance("lisetn", "listen") == 1);
  CHECK(edit_distance("token", "taken") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("only a near word is suggested") {
  CHECK(did_you_mean("upstream", {"listen", "upstreams"}) == " (did you mean \"upstreams\"?)");
  CHECK(did_you_mean("Listen", {"listen", "upstreams"}) == " (did you mean \"listen\"?)");
  CHECK(did_you_mean("banana", {"listen", "upstreams"}).empty());
  CHECK(did_you_mean(std::string(100'000, 'a'), {"listen"}).empty());
}

TEST_CASE("a quoted word is cut where it stops looking like a name") {
  CHECK(quote("vsa-emea.1") == "\"vsa-emea.1\"");
  CHECK(quote("token:abc") == "\"token...\"");
  CHECK(quote("a b") == "\"a...\"");
  CHECK(quote("\x1b[31m") == "\"...\"");
  CHECK(quote(std::string(100, 'a')) == '"' + std::string(64, 'a') + "...\"");
}

TEST_CASE("problems come out in the order of the file and once each") {
  Problems problems;
  problems.add({{3, 1}}, "third");
  problems.add({{1, 5}}, "second");
  problems.add({{1, 2}}, "first");
  problems.add({{3, 1}}, "third");
  const auto list = problems.take();
  REQUIRE(list.size() == 3);
  CHECK(list[0].message == "first");
  CHECK(list[1].message == "second");
  CHECK(list[2].message == "third");
}

TEST_CASE("a file of nonsense yields a bounded list that says so") {
  Problems problems;
  for (int line = 1; line < 1000; ++line) problems.add({{line, 1}}, "nonsense");
  const auto list = problems.take();
  REQUIRE(list.size() == Problems::most);
  CHECK(list.back().message == "too many problems: the rest is not shown");
}

}  // namespace
}  // namespace vsaproxy::settings
