#pragma once
// Text that must not be seen: it prints as "***" and is wiped when it goes.

#include <fmt/format.h>

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace vsaproxy::base {

// From now on secrets live in memory of their own: locked, so that it is never swapped out, left
// out of core dumps, between guard pages. Once, before any secret and any thread. Where the system
// allows none, or when half of it is full, secrets live in ordinary memory: the rest is OpenSSL's.
void lock_secret_memory();

struct SecretWiper {
  std::size_t size = 0;
  void operator()(char* bytes) const noexcept;
};

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
  ~Secret() = default;

  // Valid while this object lives and is not assigned to.
  std::string_view reveal() const { return {bytes_.get(), bytes_ ? bytes_.get_deleter().size : 0}; }
  bool empty() const { return reveal().empty(); }

  // Takes the same time wherever the texts differ; lengths are not hidden.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::unique_ptr<char[], SecretWiper> bytes_;
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
