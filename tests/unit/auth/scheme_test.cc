#include "proxy/auth/scheme.h"

#include <catch2/catch.hpp>

#include "proxy/auth/message_editor.h"

using namespace vsaproxy::auth;

TEST_CASE("only JSON content types may hold a lost session") {
  SchemeSpec spec;
  spec.lost_session_media = LostSessionMedia::json;
  const auto [type, expected] = GENERATE(table<std::string_view, bool>({
      {"application/json", true},
      {"Application/JSON; charset=utf-8", true},
      {" application/json ;charset=utf-8", true},
      {"text/json", true},
      {"application/problem+json", true},
      {"application/vnd.api+JSON;version=1", true},
      {"application/json-seq", false},
      {"application/xml", false},
      {"text/plain; note=application/json", false},
      {"text/html", false},
      {"+json", false},
      {"json", false},
      {"", false},
  }));
  CAPTURE(type);
  CHECK(may_hold_lost_session(spec, type) == expected);
}

TEST_CASE("a credential type that reads no body looks at none") {
  CHECK_FALSE(may_hold_lost_session(SchemeSpec{}, "application/json"));
}

TEST_CASE("only XML content types may hold a lost session of an XML API") {
  SchemeSpec spec;
  spec.lost_session_media = LostSessionMedia::xml;
  const auto [type, expected] = GENERATE(table<std::string_view, bool>({
      {"text/xml; charset=utf-8", true},
      {"application/xml", true},
      {"application/soap+xml; charset=utf-8", true},
      {"application/json", false},
      {"text/html", false},
      {"+xml", false},
      {"", false},
  }));
  CAPTURE(type);
  CHECK(may_hold_lost_session(spec, type) == expected);
}

TEST_CASE("a token goes to each of its places and leaves every other byte alone") {
  const std::vector<TokenPlace> places = {{2, 3, "", ""}, {5, 0, "<", ">"}, {7, 0, "", "!"}};
  CHECK(with_token("ab123cd", places, "T") == "abT<T>cdT!");
  CHECK(length_with_token(7, places, 1) == 10);
  CHECK(with_token("as it is", {}, "T") == "as it is");
  CHECK(with_token("", {{0, 0, "", ""}}, "T") == "T");
}
