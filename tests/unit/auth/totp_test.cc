#include "proxy/auth/totp.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

// "12345678901234567890", the seed of RFC 6238, appendix B.
constexpr std::string_view seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

std::string code(std::string_view from, std::int64_t at) {
  const auto result = totp_code(from, sys_seconds(seconds(at)));
  REQUIRE(result);
  return std::string(result->reveal());
}

}  // namespace

TEST_CASE("codes are those of RFC 6238, appendix B, cut to six digits") {
  CHECK(code(seed, 59) == "287082");
  CHECK(code(seed, 1111111109) == "081804");
  CHECK(code(seed, 1111111111) == "050471");
  CHECK(code(seed, 1234567890) == "005924");
  CHECK(code(seed, 2000000000) == "279037");
  CHECK(code(seed, 20000000000) == "353130");
}

TEST_CASE("a code is good for a step of 30 seconds") {
  CHECK(code(seed, 30) == code(seed, 59));
  CHECK(code(seed, 29) != code(seed, 30));
}

TEST_CASE("a seed may be written as servers show it") {
  CHECK(code("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", 59) == "287082");
  CHECK(code(" GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ==== ", 59) == "287082");
}

TEST_CASE("what is no seed is said without its text") {
  for (const std::string_view text : {"", "short", "HIDDEN1HIDDEN0HIDDEN8", "GEZDGNBVGY3TQOJ!",
                                      "====", "GEZD=GNBVGY3TQOJQGEZD"}) {
    CAPTURE(text);
    const auto result = totp_code(text, sys_seconds(seconds(59)));
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == base::ErrorKind::configuration);
    CHECK(result.error().detail.find("HIDDEN") == std::string::npos);
  }
}
