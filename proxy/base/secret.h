#pragma once
// Text that must not be seen: it prints as "***" and is wiped when it goes.

#include <fmt/format.h>

#include <iosfwd>
#include <string>
#include <string_view>

namespace vsaproxy::base {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  // Takes the text over and wipes the source.
  static Secret take(std::string&& text);
  Secret(const Secret& other);
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // Valid while this object lives and is not assigned to.
  std::string_view reveal() const { return {bytes_.data(), bytes_.size()}; }
  bool empty() const { return bytes_.empty(); }

  // Takes the same time wherever the texts differ; lengths are not hidden.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void wipe() noexcept;
  std::string bytes_;
};

// Overwrites the characters (those of a small string too) and empties the text.
void wipe(std::string& text) noexcept;

std::ostream& operator<<(std::ostream& out, const Secret& secret);

}  // namespace vsaproxy::base

template <>
struct fmt::formatter<vsaproxy::base::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const vsaproxy::base::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
