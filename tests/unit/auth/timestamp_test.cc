#include "proxy/auth/timestamp.h"

#include <catch2/catch.hpp>

using namespace vsaproxy::auth;
using namespace std::chrono;

namespace {

constexpr sys_seconds now = sys_days(2026y / January / 1);
constexpr sys_seconds rfc_example = sys_days(1994y / November / 6) + 8h + 49min + 37s;

}  // namespace

// RFC 9110, 5.6.7.
TEST_CASE("all three forms of an HTTP date are read") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == rfc_example);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == rfc_example);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994", now) == rfc_example);
  CHECK(parse_http_date("Wed Nov 16 08:49:37 1994", now) == rfc_example + days(10));
}

TEST_CASE("a two-digit year is at most 50 years ahead") {
  CHECK(parse_http_date("Sunday, 06-Nov-30 00:00:00 GMT", now) == sys_days(2030y / November / 6));
  CHECK(parse_http_date("Sunday, 06-Nov-76 00:00:00 GMT", now) == sys_days(2076y / November / 6));
  CHECK(parse_http_date("Sunday, 06-Nov-77 00:00:00 GMT", now) == sys_days(1977y / November / 6));
}

TEST_CASE("what is no HTTP date is none") {
  const auto text =
      GENERATE("", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
               "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 31 Feb 1994 08:49:37 GMT",
               "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
               "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
               "Sun, 06 Nov 199 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun, ", "Sun Nov", "-1",
               "1994-11-06T08:49:37Z");
  CAPTURE(text);
  CHECK_FALSE(parse_http_date(text, now));
}

TEST_CASE("UTC timestamps are read with and without fraction and Z") {
  const sys_seconds expected = sys_days(2030y / June / 17) + 7h + 14min + 20s;
  const auto text = GENERATE("2030-06-17T07:14:20Z", "2030-06-17T07:14:20",
                             "2030-06-17T07:14:20.5Z", "2030-06-17T07:14:20.1234567");
  CHECK(parse_utc_timestamp(text) == expected);
  CHECK(parse_utc_timestamp("9999-12-31T23:59:59Z") ==
        sys_days(9999y / December / 31) + 23h + 59min + 59s);
}

TEST_CASE("what is no UTC timestamp is none") {
  const auto text = GENERATE(
      "", "2030-06-17", "2030-06-17 07:14:20", "2030-06-17T07:14:20+02:00", "2030-13-17T07:14:20Z",
      "2030-02-30T07:14:20Z", "2030-06-17T07:14:20.Z", "2030-06-17T07:14:20ZZ",
      "2030-06-17T07:14:61Z", "2030-06-17T24:14:20Z", "+030-06-17T07:14:20Z", "06/17/2030");
  CAPTURE(text);
  CHECK_FALSE(parse_utc_timestamp(text));
}

TEST_CASE("Retry-After is seconds or a date, never negative") {
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after(" 0 ", now) == 0s);
  CHECK(parse_retry_after("99999999999999999999", now) == 999'999'999s);
  CHECK(parse_retry_after("Thu, 01 Jan 2026 00:01:00 GMT", now) == 60s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == 0s);
  const auto text = GENERATE("", "-1", "1.5", "soon", "12s");
  CHECK_FALSE(parse_retry_after(text, now));
}
