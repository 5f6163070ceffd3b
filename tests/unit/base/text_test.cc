#include "proxy/base/text.h"

#include <catch2/catch.hpp>

namespace vsaproxy::base {

TEST_CASE("texts are compared without ASCII case and without a locale") {
  CHECK(equals_ignoring_case("Content-Length", "CONTENT-lENGTH"));
  CHECK_FALSE(equals_ignoring_case("Host", "Hosts"));
  CHECK_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  // "@" and "`", "[" and "{" differ by the bit that letters differ by.
  CHECK_FALSE(equals_ignoring_case("@[", "`{"));
  CHECK(starts_with_ignoring_case("X-Forwarded-For", "x-forwarded-"));
  CHECK_FALSE(starts_with_ignoring_case("X-For", "x-forwarded-"));
}

TEST_CASE("trimming takes spaces and tabs only") {
  CHECK(trim(" \t a b \t") == "a b");
  CHECK(trim("\va\r") == "\va\r");
  CHECK(trim(" \t ").empty());
  CHECK(lower("AbZ-\xc4") == "abz-\xc4");
}

}  // namespace vsaproxy::base
