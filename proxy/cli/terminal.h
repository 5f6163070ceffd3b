#pragma once
// Colours of what commands print for people.

#include <string_view>

namespace vsaproxy::cli {

struct Colours {
  std::string_view bold;
  std::string_view red;
  std::string_view green;
  std::string_view plain;

  // All empty unless standard output is a terminal that has them and NO_COLOR is not set.
  static Colours of_standard_output();
};

}  // namespace vsaproxy::cli
