#include "proxy/settings/units.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

namespace vsaproxy::settings {
namespace {

using base::ErrorKind;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Milliseconds and bytes.
constexpr Unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
constexpr Unit size_units[] = {
    {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};

constexpr std::uint64_t most_milliseconds = 365ULL * 24 * 3600 * 1000;
constexpr std::uint64_t most_bytes = 1ULL << 40;

struct Quantity {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Quantity> split(std::string_view text) {
  Quantity result{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result.number);
  if (error != std::errc{}) return std::nullopt;
  result.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return result;
}

std::optional<std::uint64_t> scale(const Quantity& quantity, std::span<const Unit> units,
                                   std::uint64_t most) {
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& each) { return each.name == quantity.unit; });
  if (unit == units.end() || quantity.number > most / unit->factor) return std::nullopt;
  return quantity.number * unit->factor;
}

}  // namespace

base::Result<base::Duration> parse_duration(std::string_view text) {
  const auto quantity = split(text);
  if (quantity && quantity->unit.empty()) {
    return base::fail(ErrorKind::configuration,
                      fmt::format("needs a unit: {0}s, or {0}ms", quantity->number));
  }
  const auto value = quantity ? scale(*quantity, duration_units, most_milliseconds) : std::nullopt;
  if (!value || *value == 0) {
    return base::fail(ErrorKind::configuration,
                      "must be a duration such as 500ms, 30s, 5m or 1h, from 1ms to 8760h");
  }
  return base::Duration(*value);
}

base::Result<std::uint64_t> parse_size(std::string_view text) {
  const auto quantity = split(text);
  if (quantity && quantity->unit.empty()) {
    return base::fail(ErrorKind::configuration,
                      fmt::format("needs a unit: {0}KiB, or {0}B for bytes", quantity->number));
  }
  const auto value = quantity ? scale(*quantity, size_units, most_bytes) : std::nullopt;
  if (!value || *value == 0) {
    return base::fail(ErrorKind::configuration,
                      "must be a size such as 512B, 64KiB, 10MiB or 1GiB, from 1B to 1024GiB");
  }
  return *value;
}

base::Result<double> parse_share(std::string_view text) {
  const auto quantity = split(text);
  if (!quantity || quantity->unit != "%" || quantity->number < 1 || quantity->number > 100) {
    return base::fail(ErrorKind::configuration, "must be a share from 1% to 100%");
  }
  return static_cast<double>(quantity->number) / 100;
}

base::Result<std::chrono::nanoseconds> parse_rate(std::string_view text) {
  constexpr Unit units[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}};  // seconds
  constexpr std::uint64_t nanoseconds = 1'000'000'000;
  constexpr std::uint64_t shortest = 1000;
  const auto rate = split(text);
  if (rate && rate->unit.empty()) {
    return base::fail(ErrorKind::configuration,
                      fmt::format("needs a unit: {0}/s, or {0}/m", rate->number));
  }
  const auto per = rate && rate->number > 0 ? scale({1, rate->unit}, units, 3600) : std::nullopt;
  if (!per || *per * nanoseconds / rate->number < shortest) {
    return base::fail(ErrorKind::configuration,
                      "must be a rate in whole numbers such as 20/s, 300/m or 1000/h, from 1/h to "
                      "1000000/s");
  }
  return std::chrono::nanoseconds(*per * nanoseconds / rate->number);
}

base::Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least,
                                        std::uint64_t most) {
  const auto quantity = split(text);
  if (!quantity || !quantity->unit.empty() || quantity->number < least || quantity->number > most) {
    return base::fail(ErrorKind::configuration,
                      fmt::format("must be a whole number from {} to {}", least, most));
  }
  return quantity->number;
}

}  // namespace vsaproxy::settings
