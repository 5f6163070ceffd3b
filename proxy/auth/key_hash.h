#pragma once
// Hashes of local API keys: scrypt (RFC 7914) in the PHC string format,
// "$scrypt$ln=14,r=8,p=1$SALT$HASH" with base64 without padding. Pure; matching one takes tens of
// milliseconds and 16 MiB, so no worker does it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace vsaproxy::auth {

// Nothing longer is a key.
inline constexpr std::size_t most_key_bytes = 1024;

struct KeyHash {
  int log_n = 14;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
  std::string salt;  // bytes, as is the hash
  std::string hash;
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

// Error: configuration, for what is no such text, a salt or hash of fewer than 16 bytes, or a cost
// above 64 MiB.
base::Result<KeyHash> parse_key_hash(std::string_view text);
std::string to_string(const KeyHash& hash);

// With the default cost. The salt is random and has 16 bytes.
KeyHash hash_key(std::string_view key, std::string_view salt);

// Takes the same time for every key.
bool matches(const KeyHash& hash, std::string_view key);

}  // namespace vsaproxy::auth
