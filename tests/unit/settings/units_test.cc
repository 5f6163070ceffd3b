#include "proxy/settings/units.h"

#include <catch2/catch.hpp>

namespace vsaproxy::settings {
namespace {

using std::chrono::milliseconds;

TEST_CASE("a duration has a number and a unit") {
  CHECK(*parse_duration("500ms") == milliseconds(500));
  CHECK(*parse_duration("30s") == milliseconds(30'000));
  CHECK(*parse_duration("5m") == milliseconds(300'000));
  CHECK(*parse_duration("1h") == milliseconds(3'600'000));
  CHECK(*parse_duration("8760h") == milliseconds(31'536'000'000));
}

TEST_CASE("what is no duration is refused") {
  for (const std::string_view text :
       {"", "s", "5", "5 s", "-5s", "+5s", "1.5s", "1h30m", "5d", "5S", "0s", "0ms", "8761h",
        "99999999999999999999s", "18446744073709551615h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("a bare number is refused with the fix") {
  CHECK(parse_duration("30").error().detail == "needs a unit: 30s, or 30ms");
  CHECK(parse_size("64").error().detail == "needs a unit: 64KiB, or 64B for bytes");
}

TEST_CASE("a size has a number and a binary unit") {
  CHECK(*parse_size("512B") == 512);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("10MiB") == 10U << 20);
  CHECK(*parse_size("1GiB") == 1U << 30);
  for (const std::string_view text : {"", "0KiB", "64KB", "64kib", "64K", "1TiB", "1025GiB",
                                      "-1KiB", "18446744073709551615GiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("a share is a whole percentage") {
  CHECK(*parse_share("20%") == Approx(0.2));
  CHECK(*parse_share("100%") == Approx(1.0));
  for (const std::string_view text : {"", "20", "0%", "101%", "20 %", "2.5%", "%"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_share(text).has_value());
  }
}

TEST_CASE("a rate is a whole number in a second, a minute or an hour") {
  using std::chrono::nanoseconds;
  CHECK(*parse_rate("20/s") == milliseconds(50));
  CHECK(*parse_rate("30/m") == milliseconds(2000));
  CHECK(*parse_rate("1/h") == milliseconds(3'600'000));
  CHECK(*parse_rate("1000000/s") == nanoseconds(1000));
  CHECK(*parse_rate("3/s") == nanoseconds(333'333'333));
  for (const std::string_view text :
       {"", "/s", "20", "0/s", "-1/s", "+1/s", "1.5/s", "20 /s", "20/ s", "20/S", "20/d", "20/sec",
        "1000001/s", "18446744073709551616/h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rate(text).has_value());
  }
  CHECK(parse_rate("20").error().detail == "needs a unit: 20/s, or 20/m");
}

TEST_CASE("a count is digits only and within its bounds") {
  CHECK(*parse_count("1", 1, 5) == 1);
  CHECK(*parse_count("5", 1, 5) == 5);
  for (const std::string_view text : {"", "0", "6", "-1", "+1", "1.0", "1e0", "0x1", " 1", "1 "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_count(text, 1, 5).has_value());
  }
}

}  // namespace
}  // namespace vsaproxy::settings
