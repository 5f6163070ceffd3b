#pragma once
// The two proofs that VSPC can ask for: an RSA challenge for a public key as .NET writes it, and a
// one-time code. On OpenSSL, stateless, deliberately apart from the proxy's own code.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vsaproxy::simulator {

// Modulus and exponent in base64, without the white space of the XML around them; empty: the text
// is no public key in RSAKeyValue form.
std::optional<std::string> identity_of_key(std::string_view xml);

// RSAES-OAEP with SHA-1 and MGF1 with SHA-1 and no label (RFC 8017, 7.1.1); empty: no such key.
std::optional<std::string> encrypt_for_key(std::string_view xml, std::string_view plain);

// RFC 6238 with HMAC-SHA-1, six digits and steps of 30 s; the step before and after count as well.
// `seed` is base32 without padding; `now` is seconds since 1970. Empty: it is none of their codes.
std::optional<std::int64_t> step_of_code(std::string_view seed, std::string_view code,
                                         std::int64_t now);

}  // namespace vsaproxy::simulator
