#pragma once
// Hashes, base64, random digits and content codings, on OpenSSL and zlib. Stateless but for Sha256,
// which belongs to one request.

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vsaproxy::simulator {

// A running SHA-256. Costs nothing until the first byte.
class Sha256 {
 public:
  void add(std::string_view bytes);
  // Lower-case hex of everything added so far; adding may go on.
  std::string hex() const;

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// Lower-case hex, as Kaseya's formulas want it.
std::string sha256_hex(std::string_view bytes);
std::string sha1_hex(std::string_view bytes);

// RFC 4648, 4, with padding; empty if it is anything else.
std::optional<std::string> base64_decode(std::string_view text);

std::string base64_encode(std::string_view bytes);

// From the system's random numbers.
std::string random_bytes(std::size_t count);

// Decimal digits from the system's random numbers; the first is not 0.
std::string random_digits(std::size_t count);

// `coding` is gzip (RFC 1952) or deflate (the zlib format, RFC 9110, 8.4.1.2); anything else leaves
// the bytes as they are.
std::string encode_content(std::string_view coding, std::string_view bytes);

}  // namespace vsaproxy::simulator
