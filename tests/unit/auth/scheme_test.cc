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

TEST_CASE("a call of the API is found in any case, with a slash at its end or without") {
  constexpr LoginPath login{"GET", "/auth"};
  CHECK(is_call(login, "GET", "/auth"));
  CHECK(is_call(login, "HEAD", "/Auth/"));
  for (const std::string_view path : {"/auth/x", "/author", "/aut", "/", "", "/auth//"}) {
    CAPTURE(path);
    CHECK_FALSE(is_call(login, "GET", path));
  }
  CHECK_FALSE(is_call(login, "POST", "/auth"));
  CHECK(is_call(login, "get", "/auth"));
  CHECK(is_call(login, "Head", "/auth"));
}

TEST_CASE("braces in the path of a call are any one segment") {
  constexpr LoginPath logout{"DELETE", "/users/{}/tokens", LoginCall::logout};
  CHECK(is_call(logout, "DELETE", "/users/1/tokens"));
  CHECK(is_call(logout, "DELETE", "/Users/a-b%20/TOKENS/"));
  for (const std::string_view path : {"/users//tokens", "/users/tokens", "/users/1/2/tokens",
                                      "/users/1/tokens/2", "/users/1/token", "/users/1"}) {
    CAPTURE(path);
    CHECK_FALSE(is_call(logout, "DELETE", path));
  }
}
