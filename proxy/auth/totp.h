#pragma once
// Time-based one-time passwords (RFC 6238, with HMAC-SHA-1, 6 digits and steps of 30 s, as
// authenticator apps make them). Pure, any thread.

#include <chrono>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

// How long a code stays the same.
inline constexpr std::chrono::seconds totp_step{30};

// `seed` is base32 (RFC 4648, 6) as a server shows it: any case, with spaces or without, with
// padding or without. Error: configuration, without bytes of the seed.
base::Result<base::Secret> totp_code(std::string_view seed, std::chrono::sys_seconds now);

}  // namespace vsaproxy::auth
