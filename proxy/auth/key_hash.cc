#include "proxy/auth/key_hash.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "proxy/auth/digest.h"

namespace vsaproxy::auth {
namespace {

constexpr std::size_t hash_size = 32;
constexpr std::size_t least_bytes = 16;
constexpr std::size_t most_bytes = 64;
constexpr std::uint64_t most_memory = 64 * 1024 * 1024;

std::string unpadded(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> read_unpadded(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded.push_back('=');
  const auto bytes = decode_base64(padded);
  if (!bytes || unpadded(base64(bytes->reveal())) != text) return std::nullopt;
  return std::string(bytes->reveal());
}

// The text up to "$" or ",", taken off the front.
std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

template <class Integer>
bool read_number(std::string_view text, std::string_view name, Integer& out) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_moderate(const KeyHash& hash) {
  constexpr int least_log_n = 10;
  constexpr int most_log_n = 16;
  constexpr std::uint32_t most_r = 16;
  constexpr std::uint32_t most_p = 4;
  if (hash.log_n < least_log_n || hash.log_n > most_log_n) return false;
  if (hash.r < 1 || hash.r > most_r || hash.p < 1 || hash.p > most_p) return false;
  return (std::uint64_t{128} << hash.log_n) * hash.r <= most_memory;
}

std::string derive(const KeyHash& hash, std::string_view key, std::size_t size) {
  std::string derived(size, '\0');
  if (EVP_PBE_scrypt(key.data(), key.size(),
                     reinterpret_cast<const unsigned char*>(hash.salt.data()), hash.salt.size(),
                     std::uint64_t{1} << hash.log_n, hash.r, hash.p, 2 * most_memory,
                     reinterpret_cast<unsigned char*>(derived.data()), derived.size()) != 1) {
    std::abort();
  }
  return derived;
}

bool is_sized(std::string_view bytes) {
  return bytes.size() >= least_bytes && bytes.size() <= most_bytes;
}

}  // namespace

base::Result<KeyHash> parse_key_hash(std::string_view text) {
  const auto fault = base::fail(base::ErrorKind::configuration,
                                "must be a hash that \"vsaproxy hash\" printed: $scrypt$...");
  constexpr std::string_view prefix = "$scrypt$";
  if (!text.starts_with(prefix)) return fault;
  text.remove_prefix(prefix.size());
  std::string_view cost = take(text, '$');
  const auto salt = read_unpadded(take(text, '$'));
  const auto hash = read_unpadded(text);
  KeyHash read;
  const bool has_cost = read_number(take(cost, ','), "ln=", read.log_n) &&
                        read_number(take(cost, ','), "r=", read.r) &&
                        read_number(cost, "p=", read.p) && is_moderate(read);
  if (!has_cost || !salt || !hash || !is_sized(*salt) || !is_sized(*hash)) return fault;
  read.salt = *salt;
  read.hash = *hash;
  return read;
}

std::string to_string(const KeyHash& hash) {
  return fmt::format("$scrypt$ln={},r={},p={}${}${}", hash.log_n, hash.r, hash.p,
                     unpadded(base64(hash.salt)), unpadded(base64(hash.hash)));
}

KeyHash hash_key(std::string_view key, std::string_view salt) {
  KeyHash made;
  made.salt = salt;
  made.hash = derive(made, key, hash_size);
  return made;
}

bool matches(const KeyHash& hash, std::string_view key) {
  const std::string derived = derive(hash, key, hash.hash.size());
  return CRYPTO_memcmp(derived.data(), hash.hash.data(), derived.size()) == 0;
}

}  // namespace vsaproxy::auth
