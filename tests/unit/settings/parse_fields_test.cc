#include <array>

#include "proxy/settings/mapping.h"
#include "proxy/settings/sections.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

std::string fault_of_item(std::string_view text) { return text == "bad" ? "must not be bad" : ""; }

constexpr std::array fields = {
    base::Field{.key = "scopes", .type = base::FieldType::list, .fault = fault_of_item},
    base::Field{.key = "params", .type = base::FieldType::map, .fault = fault_of_item},
    base::Field{.key = "request.method", .default_value = "POST"},
    base::Field{.key = "request.url", .required = true},
    base::Field{.key = "request.secret", .type = base::FieldType::secret},
    base::Field{.key = "request.body", .type = base::FieldType::tree},
};

struct Outcome {
  base::FieldValues values;
  std::vector<std::string> problems;
};

Outcome parse(std::string_view text) {
  Problems problems;
  const auto tree = parse_yaml(text, problems);
  Outcome outcome;
  if (tree) {
    std::vector<Key> keys;
    for (const std::string_view key : keys_of(fields)) keys.push_back({key});
    const Mapping mapping(*tree, "in credential \"c\"", keys, problems);
    parse_fields(mapping, fields, outcome.values);
  }
  for (const Problem& problem : problems.take()) {
    outcome.problems.push_back(
        fmt::format("{}:{}: {}", problem.place.line, problem.place.column, problem.message));
  }
  return outcome;
}

std::string json_of(std::string_view value) {
  const auto outcome = parse(fmt::format("request: {{url: u, body: {}}}", value));
  CHECK(outcome.problems.empty());
  return std::string(outcome.values.text("request.body").value_or("nothing"));
}

TEST_CASE("a key with a dot stands in a mapping of its own") {
  CHECK(keys_of(fields) == std::vector<std::string_view>{"scopes", "params", "request"});
  const auto outcome = parse("request: {url: https://a, secret: {env: S}}");
  CHECK(outcome.problems.empty());
  CHECK(outcome.values.text("request.url") == "https://a");
  CHECK(outcome.values.text("request.method") == "POST");
  REQUIRE(outcome.values.secret("request.secret") != nullptr);
  CHECK(outcome.values.text("request.body") == std::nullopt);
}

TEST_CASE("lists and maps keep the file's order") {
  const auto outcome =
      parse("scopes: [b, a, \"\\u00e4\"]\nparams: {Z: 1, a: \"x y\"}\nrequest: {url: u}");
  CHECK(outcome.problems.empty());
  REQUIRE(outcome.values.list("scopes") != nullptr);
  CHECK(*outcome.values.list("scopes") == base::TextList{"b", "a", "\xC3\xA4"});
  REQUIRE(outcome.values.map("params") != nullptr);
  CHECK(*outcome.values.map("params") == base::TextMap{{"Z", "1"}, {"a", "x y"}});
  CHECK(parse("request: {url: u}").values.list("scopes") == nullptr);
  CHECK(parse("request: {url: u}").values.map("params") == nullptr);
}

TEST_CASE("a tree becomes JSON in which plain JSON words stay what they are") {
  CHECK(json_of("{user: \"{{name}}\", n: 007, m: 1e400, o: [true, ~, yes, \"5\", -0.5]}") ==
        R"({"user":"{{name}}","n":"007","m":1e400,"o":[true,null,"yes","5",-0.5]})");
  CHECK(json_of("91422713194722770576449885") == "91422713194722770576449885");
  CHECK(json_of("'a\"b'") == R"("a\"b")");
}

TEST_CASE("what is wrong with a list, a map or a nested key is said at its place") {
  const auto first = [](std::string_view text) {
    const auto problems = parse(text).problems;
    return problems.empty() ? "" : problems.front();
  };
  CHECK(first("request: {url: u}\nscopes: a") ==
        "2:9: \"scopes\" must be a list: write it in brackets, as in [a, b]");
  CHECK(first("request: {url: u}\nscopes: [a, bad]") == "2:13: \"scopes\": must not be bad");
  CHECK(first("request: {url: u}\nparams: a") ==
        "2:9: \"params\" must be a mapping of names to texts");
  CHECK(first("request: {url: u}\nparams: {a: 1, A: 2}") == "2:16: \"A\" is repeated: remove one");
  CHECK(first("request: {url: u}\nparams: {a: [1]}") == "2:10: \"a\" must be a text");
  CHECK(first("scopes: [a]") ==
        "1:1: missing key \"request\" in credential \"c\": this type can't do without it");
  CHECK(first("request: {method: GET}") ==
        "1:1: missing key \"url\" in \"request\" in credential \"c\": this type can't do "
        "without it");
  CHECK(first("request: {url: u, verb: GET}") ==
        "1:19: unknown key \"verb\" in \"request\" in credential \"c\"");
}

}  // namespace
}  // namespace vsaproxy::settings
