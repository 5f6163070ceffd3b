#pragma once
// Points in time as servers write them. Pure, any thread. Whole seconds: far years fit, where the
// system clock's nanoseconds would overflow.

#include <chrono>
#include <optional>
#include <string_view>

namespace vsaproxy::auth {

// RFC 9110, 5.6.7: the fixed form and both obsolete ones. nullopt if it is none of them. A
// two-digit year more than 50 years after `now` is of the last century.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                        std::chrono::sys_seconds now);

// "2030-06-17T07:14:20Z", with or without fractions of a second (dropped) and the Z: always UTC.
std::optional<std::chrono::sys_seconds> parse_utc_timestamp(std::string_view text);

// RFC 9110, 10.2.3: seconds or a date, as a wait from `now`; a date in the past is no wait.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text,
                                                      std::chrono::sys_seconds now);

}  // namespace vsaproxy::auth
