#include "proxy/settings/yaml_tree.h"

#include <catch2/catch.hpp>

namespace vsaproxy::settings {
namespace {

std::string first_problem(std::string_view text) {
  Problems problems;
  const auto tree = parse_yaml(text, problems);
  const auto list = problems.take();
  if (list.empty()) return "";
  CHECK_FALSE(tree.has_value());
  return fmt::format("{}:{}: {}", list[0].place.line, list[0].place.column, list[0].message);
}

TEST_CASE("a tree keeps order, repeated keys and places") {
  Problems problems;
  const auto tree = parse_yaml("b: one\na: [x, \"y z\"]\nb: {k: }\n", problems);
  REQUIRE(tree);
  REQUIRE(tree->kind == YamlNode::Kind::mapping);
  REQUIRE(tree->children.size() == 3);
  const YamlNode& list = tree->children[1];
  CHECK(tree->children[0].text == "one");
  CHECK(tree->children[0].spot.place.column == 4);
  CHECK(tree->children[0].spot.length == 3);
  CHECK(list.key == "a");
  REQUIRE(list.children.size() == 2);
  CHECK(list.children[1].text == "y z");
  CHECK(list.children[1].spot.place.column == 8);
  CHECK(list.children[1].spot.length == 5);
  CHECK(tree->children[2].key_spot.place.line == 3);
  CHECK(tree->children[2].children[0].kind == YamlNode::Kind::null);
}

TEST_CASE("places count from behind characters of several bytes") {
  Problems problems;
  const auto tree = parse_yaml("{\"\xc3\xa4\xc3\xb6\": x}", problems);
  REQUIRE(tree);
  CHECK(tree->children[0].spot.place.column == 8);
}

TEST_CASE("YAML that is more than plain values is refused at its place") {
  CHECK(first_problem("a: &x 1\nb: 2") ==
        "1:4: anchors and aliases are not supported: write the value out");
  CHECK(first_problem("a: &x 1\nb: *x").starts_with("1:4: anchors"));
  CHECK(first_problem("a:\n  <<: {b: 1}") ==
        "2:3: merge keys are not supported: write the keys out");
  CHECK(first_problem("a: !!int 1") == "1:4: tags are not supported: remove the one with \"!\"");
  CHECK(first_problem("a: !x {b: 1}") == "1:4: tags are not supported: remove the one with \"!\"");
  CHECK(first_problem("a: 1\n---\nb: 1") ==
        "2:1: a second document is not allowed: remove the \"---\"");
  CHECK(first_problem("[a]: 1") == "1:1: a key must be a single word");
  CHECK(first_problem("a: b: c").starts_with("1:5: not valid YAML: no \"key: value\""));
  CHECK(first_problem("a: [b") == "1:6: not valid YAML: end of sequence flow not found");
  CHECK(first_problem("a: [b\nc: d\n") == "2:2: not valid YAML: end of sequence flow not found");
  CHECK(first_problem("a: {b: x?y=z}") ==
        "1:9: not valid YAML: a character here has a meaning of its own; put the value in quotes");
  CHECK(first_problem("a: *b") == "1:4: not valid YAML: the referenced anchor is not defined");
}

TEST_CASE("an empty file is refused") {
  for (const std::string_view text : {"", "\n\n", "# only a comment\n", "---\n", "~", "null"}) {
    CHECK(first_problem(text) ==
          "1:1: the file is empty: it needs at least version, listen and upstreams");
  }
}

TEST_CASE("a document may begin and end with its marks") {
  Problems problems;
  CHECK(parse_yaml("%YAML 1.2\n---\na: 1\n...\n", problems).has_value());
}

TEST_CASE("bombs are refused, not expanded") {
  std::string nested = "a: ", many = "a: [", doubling = "a0: &a0 [x, x]\n";
  for (int i = 0; i < 100; ++i) nested += '[';
  for (int i = 0; i < 30'000; ++i) many += i % 1000 == 0 ? "\n 1," : "1,";
  for (int i = 1; i < 40; ++i) doubling += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  CHECK(first_problem(nested).ends_with("the file is nested too deeply"));
  CHECK(first_problem(many + "]").ends_with("the file has too many values"));
  CHECK(first_problem(doubling).ends_with("write the value out"));
}

}  // namespace
}  // namespace vsaproxy::settings
