#include "proxy/base/secret.h"

#include <openssl/crypto.h>

#include <cstdlib>
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

namespace {

constexpr std::size_t locked_size = 256 * 1024;  // a power of two, within what any user may lock

// OpenSSL takes the keys of handshakes and the seeds of its random numbers from there too, and
// fails without: half of it is never ours. A block has up to twice the size.
bool may_lock(std::size_t size) {
  return CRYPTO_secure_malloc_initialized() == 1 &&
         CRYPTO_secure_used() + 2 * size <= locked_size / 2;
}

}  // namespace

void lock_secret_memory() {
  constexpr std::size_t smallest = 32;
  CRYPTO_secure_malloc_init(locked_size, smallest);
}

void SecretWiper::operator()(char* bytes) const noexcept { OPENSSL_secure_clear_free(bytes, size); }

Secret::Secret(std::string_view text) {
  if (text.empty()) return;
  void* bytes = may_lock(text.size()) ? OPENSSL_secure_malloc(text.size()) : nullptr;
  if (bytes == nullptr) bytes = OPENSSL_malloc(text.size());
  if (bytes == nullptr) std::abort();
  std::memcpy(bytes, text.data(), text.size());
  bytes_ = {static_cast<char*>(bytes), SecretWiper{text.size()}};
}

Secret Secret::take(std::string&& text) {
  Secret secret(text);
  base::wipe(text);
  return secret;
}

Secret::Secret(const Secret& other) : Secret(other.reveal()) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other.reveal());
  return *this;
}

Secret::Secret(Secret&& other) noexcept = default;
Secret& Secret::operator=(Secret&& other) noexcept = default;

bool operator==(const Secret& a, const Secret& b) {
  const std::string_view one = a.reveal();
  const std::string_view other = b.reveal();
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace vsaproxy::base
