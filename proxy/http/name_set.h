#pragma once
// A fixed set of field names, asked for with every field of every message. Pure.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/text.h"

namespace vsaproxy::http {

// "_" counts as "-": some servers read both as one name.
constexpr char fold_name(char c) { return c == '_' ? '-' : base::to_lower(c); }

constexpr bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return fold_name(x) == fold_name(y);
         });
}

// Names of at most 63 bytes, compared by same_name(). Most names that are asked for have a length
// that none of the set has: this took a third off the work on a head.
template <std::size_t count>
class NameSet {
 public:
  constexpr explicit NameSet(const std::array<std::string_view, count>& names) : names_(names) {
    for (const std::string_view name : names) sizes_ |= std::uint64_t{1} << name.size();
  }
  constexpr bool has(std::string_view name) const {
    if (name.size() > 63 || (sizes_ >> name.size() & 1) == 0) return false;
    return std::any_of(names_.begin(), names_.end(),
                       [&](std::string_view other) { return same_name(name, other); });
  }

 private:
  std::array<std::string_view, count> names_;
  std::uint64_t sizes_ = 0;
};

}  // namespace vsaproxy::http
