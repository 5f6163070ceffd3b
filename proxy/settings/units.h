#pragma once
// Quantities as people write them: a number and its unit, without a space. Pure.

#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace vsaproxy::settings {

// "500ms", "30s", "5m", "1h": whole numbers from 1 ms to 365 days. Errors (configuration, here and
// below) say how to write it right and begin with "must" or "needs".
base::Result<base::Duration> parse_duration(std::string_view text);

// "512B", "64KiB", "10MiB", "1GiB": bytes, from 1 B to 1 TiB.
base::Result<std::uint64_t> parse_size(std::string_view text);

// "20%" as 0.2; 1% to 100%.
base::Result<double> parse_share(std::string_view text);

// "20/s", "300/m", "1000/h": the time between two; from 1/h to 1000000/s.
base::Result<std::chrono::nanoseconds> parse_rate(std::string_view text);

// Digits only, within the bounds.
base::Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least,
                                        std::uint64_t most);

}  // namespace vsaproxy::settings
