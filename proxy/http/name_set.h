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

// Most names that are equal are spelt alike, so that is looked at first.
constexpr bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return a == b || std::equal(a.begin(), a.end(), b.begin(),
                              [](char x, char y) { return fold_name(x) == fold_name(y); });
}

inline constexpr auto folded_names = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = static_cast<std::uint8_t>(fold_name(static_cast<char>(c)));
  }
  return table;
}();

// One of 64 marks of a name, the same for all spellings that same_name() takes for one: most names
// that are asked for are not there, and marks say so at once. With these factors hardly a usual
// field has the mark of one that the proxy looks for. Inlined, so that the mark of a name in the
// source is a number in the program.
[[gnu::always_inline]] constexpr std::uint8_t mark_of(std::string_view name) {
  if (name.empty()) return 0;
  const unsigned first = folded_names[static_cast<unsigned char>(name.front())];
  const unsigned last = folded_names[static_cast<unsigned char>(name.back())];
  return (name.size() * 5 + first * 3 + last * 33) & 63;
}

class NameMarks {
 public:
  // mark: of this name.
  constexpr void add(std::string_view name, std::uint8_t mark) {
    marks_ |= std::uint64_t{1} << mark;
    if (!name.empty()) initials_ |= initial_of(name);
  }
  constexpr bool has(std::uint8_t mark) const { return (marks_ >> mark & 1) != 0; }
  constexpr bool has_any_of(NameMarks others) const { return (marks_ & others.marks_) != 0; }
  // False if no name begins with this text, which begins with a letter.
  constexpr bool may_begin(std::string_view prefix) const {
    return (initials_ & initial_of(prefix)) != 0;
  }

 private:
  // The same for "a" and "A".
  static constexpr std::uint32_t initial_of(std::string_view text) {
    return std::uint32_t{1} << (text.front() & 31);
  }

  std::uint64_t marks_ = 0;
  std::uint32_t initials_ = 0;
};

// Names compared by same_name().
template <std::size_t count>
class NameSet {
 public:
  constexpr explicit NameSet(const std::array<std::string_view, count>& names) : names_(names) {
    for (const std::string_view name : names) marks_.add(name, mark_of(name));
  }
  constexpr bool has(std::string_view name) const { return has(name, mark_of(name)); }
  constexpr bool has(std::string_view name, std::uint8_t mark) const {
    return may_have(mark) && std::any_of(names_.begin(), names_.end(), [&](std::string_view other) {
             return same_name(name, other);
           });
  }
  // False if no name of the set has this mark; true proves nothing.
  constexpr bool may_have(std::uint8_t mark) const { return marks_.has(mark); }
  constexpr NameMarks marks() const { return marks_; }

 private:
  std::array<std::string_view, count> names_;
  NameMarks marks_;
};

}  // namespace vsaproxy::http
