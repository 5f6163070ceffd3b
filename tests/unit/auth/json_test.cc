#include "proxy/auth/json.h"

#include <catch2/catch.hpp>
#include <string>

using namespace vsaproxy::auth;
using namespace std::string_view_literals;

TEST_CASE("only one whole JSON object is read") {
  const auto [text, whole] = GENERATE(table<std::string_view, bool>({
      {"{}", true},
      {" {\"a\":1} \r\n", true},
      {"\xEF\xBB\xBF{}", true},
      {"", false},
      {"[]", false},
      {"1", false},
      {"{", false},
      {"{}{}", false},
      {"{}\0"sv, false},
      {"{\"a\":1,}", false},
  }));
  CAPTURE(text);
  rapidjson::Document document;
  CHECK(parse_json_object(text, JsonNumbers::as_text, document) == whole);
}

TEST_CASE("numbers are kept as they were written where that is asked for") {
  rapidjson::Document document;
  REQUIRE(parse_json_object("{\"id\":91422713194722770576449885}", JsonNumbers::as_text, document));
  CHECK(text_member(document, "id") == "91422713194722770576449885");
  rapidjson::Document numbers;
  REQUIRE(parse_json_object("{\"id\":42}", JsonNumbers::as_numbers, numbers));
  CHECK(find_member(numbers, "id")->GetInt() == 42);
  CHECK(text_member(numbers, "id") == "");
}

TEST_CASE("members are found by their exact names") {
  rapidjson::Document document;
  REQUIRE(parse_json_object(R"({"Token":"1","none":null})", JsonNumbers::as_text, document));
  CHECK(text_member(document, "Token") == "1");
  CHECK(text_member(document, "token") == "");
  CHECK(text_member(document, "none") == "");
  CHECK(find_member(document, "none") != nullptr);
  CHECK(find_member(document, "missing") == nullptr);
}
