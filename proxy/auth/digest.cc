#include "proxy/auth/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using Hash = std::array<unsigned char, EVP_MAX_MD_SIZE>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hash_hex(std::string_view text, const EVP_MD* algorithm) {
  Hash hash{};
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), hash.data(), &length, algorithm, nullptr) != 1) {
    std::abort();  // OpenSSL without SHA: nothing could log in
  }
  return hex(std::span(hash).first(length));
}

bool is_base64_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

}  // namespace

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 0xF]);
  }
  return text;
}

std::string sha1_hex(std::string_view text) { return hash_hex(text, EVP_sha1()); }

std::string sha256_hex(std::string_view text) { return hash_hex(text, EVP_sha256()); }

std::string base64(std::string_view bytes) {
  const std::size_t length = (bytes.size() + 2) / 3 * 4;
  std::string text(length + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes),
                  static_cast<int>(bytes.size()));
  text.resize(length);
  return text;
}

std::optional<base::Secret> decode_base64(std::string_view text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::string_view digits = text.substr(0, text.size() - padding);
  const bool is_base64 =
      text.size() % 4 == 0 && std::all_of(digits.begin(), digits.end(), is_base64_digit);
  if (!is_base64) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), bytes_of(text),
                  static_cast<int>(text.size()));
  base::Secret decoded(std::string_view(bytes).substr(0, bytes.size() - padding));
  base::wipe(bytes);
  return decoded;
}

base::Secret basic_authorization(std::string_view user_and_password) {
  constexpr std::string_view scheme = "Basic ";
  std::string encoded = base64(user_and_password);
  std::string value;
  value.reserve(scheme.size() + encoded.size());
  value.append(scheme).append(encoded);
  base::wipe(encoded);
  return base::Secret::take(std::move(value));
}

std::optional<NameAndSecret> read_basic_authorization(std::string_view value) {
  constexpr std::string_view scheme = "Basic ";
  if (!base::starts_with_ignoring_case(value, scheme)) return std::nullopt;
  const auto decoded = decode_base64(base::trim(value.substr(scheme.size())));
  if (!decoded) return std::nullopt;
  const std::string_view text = decoded->reveal();
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return NameAndSecret{std::string(text.substr(0, colon)), base::Secret(text.substr(colon + 1))};
}

base::Secret scrypt(const base::Secret& text, std::string_view salt, std::uint64_t n) {
  constexpr std::uint64_t r = 8;
  constexpr std::uint64_t p = 1;
  constexpr std::uint64_t most_memory = 64 * 1024 * 1024;
  const std::string_view bytes = text.reveal();
  std::string key(32, '\0');
  if (EVP_PBE_scrypt(bytes.data(), bytes.size(), bytes_of(salt), salt.size(), n, r, p, most_memory,
                     reinterpret_cast<unsigned char*>(key.data()), key.size()) != 1) {
    std::abort();
  }
  return base::Secret::take(std::move(key));
}

std::string fingerprint(const base::Secret& secret, std::string_view key) {
  constexpr std::size_t shown_bytes = 6;
  Hash hash{};
  unsigned int length = 0;
  const std::string_view text = secret.reveal();
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
           hash.data(), &length) == nullptr) {
    std::abort();
  }
  return hex(std::span(hash).first(shown_bytes));
}

}  // namespace vsaproxy::auth
