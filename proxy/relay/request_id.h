#pragma once
// The name of one exchange in the log and in our own answers: 16 hexadecimal digits. A value.

#include <array>
#include <cstdint>
#include <string_view>

namespace vsaproxy::relay {

class RequestId {
 public:
  explicit RequestId(std::uint64_t number) {
    for (auto digit = digits_.rbegin(); digit != digits_.rend(); ++digit) {
      *digit = "0123456789abcdef"[number & 0xf];
      number >>= 4;
    }
  }
  std::string_view text() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 16> digits_;
};

}  // namespace vsaproxy::relay
