#pragma once
// A request target taken apart for routing. A value of one request.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

struct Target {
  std::string path;          // lower case, as IIS compares; without a trailing slash; not decoded
  std::vector<Field> query;  // decoded, in order

  bool has(std::string_view name) const;
  // The first value of that name; empty: there is none.
  std::string_view text(std::string_view name) const;
  // Digits only; anything else is `otherwise`.
  std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;
};

// name=value pairs with &, as in a query and in a form (application/x-www-form-urlencoded).
std::vector<Field> parse_pairs(std::string_view text);

Target parse_target(std::string_view target);

}  // namespace vsaproxy::simulator
