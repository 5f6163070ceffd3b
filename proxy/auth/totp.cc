#include "proxy/auth/totp.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>

#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

constexpr std::uint32_t code_modulus = 1'000'000;

std::optional<std::uint32_t> base32_value(char c) {
  const char lower = base::to_lower(c);
  if (lower >= 'a' && lower <= 'z') return static_cast<std::uint32_t>(lower - 'a');
  if (c >= '2' && c <= '7') return static_cast<std::uint32_t>(c - '2' + 26);
  return std::nullopt;
}

std::optional<base::Secret> decode_base32(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size());  // one buffer, so one to wipe
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    const auto value = base32_value(c);
    if (!value) {
      base::wipe(bytes);
      return std::nullopt;
    }
    buffer = (buffer << 5 | *value) & 0xFFF;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(buffer >> bits & 0xFF));
  }
  return base::Secret::take(std::move(bytes));
}

// RFC 4226, 5.3.
std::uint32_t hotp(std::string_view key, std::uint64_t counter) {
  std::array<unsigned char, 8> message{};
  for (auto byte = message.rbegin(); byte != message.rend(); ++byte, counter >>= 8) {
    *byte = static_cast<unsigned char>(counter & 0xFF);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int length = 0;
  if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           hash.data(), &length) == nullptr) {
    std::abort();  // OpenSSL without SHA-1
  }
  const std::size_t offset = hash[length - 1] & 0xF;
  std::uint32_t value = hash[offset] & 0x7F;
  for (std::size_t i = 1; i < 4; ++i) value = value << 8 | hash[offset + i];
  return value % code_modulus;
}

}  // namespace

base::Result<base::Secret> totp_code(std::string_view seed, std::chrono::sys_seconds now) {
  constexpr std::size_t least_bytes = 10;  // 80 bits; RFC 4226, 4 asks for 128, servers use less
  const auto key = decode_base32(base::trim(seed));
  if (!key || key->reveal().size() < least_bytes) {
    return base::fail(base::ErrorKind::configuration,
                      "the totp seed is not base32 of 16 letters and digits (A to Z, 2 to 7) or "
                      "more: give the key that the server shows beside its QR code");
  }
  const auto counter = static_cast<std::uint64_t>(now.time_since_epoch() / totp_step);
  return base::Secret::take(fmt::format("{:06}", hotp(key->reveal(), counter)));
}

}  // namespace vsaproxy::auth
