#include "proxy/auth/scheme.h"

#include <catch2/catch.hpp>

using namespace vsaproxy::auth;

namespace {

bool never(const AnswerLook&) { return false; }

}  // namespace

TEST_CASE("only JSON content types may hold a lost session") {
  SchemeSpec spec;
  spec.session_lost = never;
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
