#pragma once
// The name of one exchange in the log and in our own answers: 16 hexadecimal digits. A value.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vsaproxy::relay {

class RequestId {
 public:
  explicit RequestId(std::uint64_t number) {
    for (std::size_t end = digits_.size(); end > 0; end -= 2, number >>= 8) {
      const auto& pair = pairs[number & 0xff];
      digits_[end - 2] = pair[0];
      digits_[end - 1] = pair[1];
    }
  }
  std::string_view text() const { return {digits_.data(), digits_.size()}; }

 private:
  // The two digits of every byte.
  static constexpr auto pairs = [] {
    std::array<std::array<char, 2>, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
      table[i] = {"0123456789abcdef"[i >> 4], "0123456789abcdef"[i & 0xf]};
    }
    return table;
  }();

  std::array<char, 16> digits_;
};

}  // namespace vsaproxy::relay
