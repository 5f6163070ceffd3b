#pragma once
// What the VSA 9 REST API answers to its own login and logout calls, for tools that insist on
// making them: a placeholder that opens nothing.

#include <string_view>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

// As long as a real session and as worthless as it looks; of the SOAP API too.
inline constexpr std::string_view kaseya_placeholder = "10000000000000000000000000";

// For SchemeSpec::stub. Success has every field that some client reads; a failure is never 401.
LocalAnswer vsa9_stub(const StubRequest& request);

}  // namespace vsaproxy::auth
