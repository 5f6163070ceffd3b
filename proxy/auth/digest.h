#pragma once
// Hashes and base64 as login formulas need them. Pure, any thread. Where the input is a secret, so
// is the result: the caller wipes it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/secret.h"

namespace vsaproxy::auth {

// All hexadecimal digits are lower case.
std::string hex(std::span<const unsigned char> bytes);
std::string sha1_hex(std::string_view text);
std::string sha256_hex(std::string_view text);

// RFC 4648, 4: with padding, without line breaks.
std::string base64(std::string_view bytes);
// Strict: nullopt for other characters, white space too, and for wrong padding.
std::optional<base::Secret> decode_base64(std::string_view text);

// "Basic " and the base64 of the text (RFC 7617).
base::Secret basic_authorization(std::string_view user_and_password);

struct NameAndSecret {
  std::string name;
  base::Secret secret;
};

// What "Basic ..." says. Nothing if it is something else, or has no colon.
std::optional<NameAndSecret> read_basic_authorization(std::string_view value);

// 32 bytes (RFC 7914) with r 8, p 1 and this N, a power of two up to 32768: N KiB of memory, and
// some 20 ms for 8192.
base::Secret scrypt(const base::Secret& text, std::string_view salt, std::uint64_t n);

// 12 digits that tell two secrets apart without telling either. The key is random and never leaves
// the process, so that a log gives nothing to test guesses with.
std::string fingerprint(const base::Secret& secret, std::string_view key);

}  // namespace vsaproxy::auth
