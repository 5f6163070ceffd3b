#include "proxy/base/secret.h"

#include <openssl/crypto.h>

#include <cstring>
#include <ostream>
#include <utility>

namespace vsaproxy::base {

void wipe(std::string& text) noexcept {
  // capacity(): a text that was cut short still holds its former tail.
  // Every request wipes its head: OPENSSL_cleanse() takes ten times the instructions.
  explicit_bzero(text.data(), text.capacity());
  text.clear();
}

Secret::Secret(std::string_view text) : bytes_(text) {}

Secret Secret::take(std::string&& text) {
  Secret secret(text);
  base::wipe(text);
  return secret;
}

Secret::Secret(const Secret& other) = default;

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    bytes_ = other.bytes_;
  }
  return *this;
}

// A small string is copied by a move: the source is wiped too.
Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() noexcept { base::wipe(bytes_); }

bool operator==(const Secret& a, const Secret& b) {
  return a.bytes_.size() == b.bytes_.size() &&
         CRYPTO_memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) == 0;
}

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace vsaproxy::base
