#pragma once
// What all login servers have in common in how they answer. Pure, any thread.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

// "" if the answer has no such field.
std::string_view field_of(const LoginResponse& response, std::string_view name);

// The server's clock (Date), so that a wrong clock here moves no expiry.
std::chrono::sys_seconds server_time(const LoginResponse& response);

// The server may take the same login later: 408, 425, 429 and 5xx.
bool is_transient(int status);
bool is_redirect(int status);

// login_unavailable with the wait of Retry-After, an hour at most.
tl::unexpected<base::Error> unavailable(const LoginResponse& response, std::string detail);

// The same for a transient status or a redirect, which is never followed; nothing for others.
// `place_key` names the key that says where the login goes.
std::optional<base::Error> transient_error(const LoginResponse& response,
                                           std::string_view place_key);

// "Authorization: Bearer" (RFC 6750, 2.1). Error: malformed, if the token fits into no field.
base::Result<Credential> bearer_credential(std::string_view token);

// A lifetime in seconds, as JSON number or text; a fraction is dropped. nullopt for none, for what
// is not positive, and for more than ten years.
std::optional<std::chrono::seconds> parse_lifetime(std::string_view text);

}  // namespace vsaproxy::auth
