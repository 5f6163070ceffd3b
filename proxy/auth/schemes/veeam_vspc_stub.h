#pragma once
// What VSPC servers answer to the API's own login and logout calls, for tools that insist on making
// them: a placeholder that opens nothing.

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

// For SchemeSpec::stub. Success has every member of the API's schema; a failure is never 401. A
// login by key gets a challenge for the key in the body, if that is at hand.
LocalAnswer vspc_stub(const StubRequest& request);

}  // namespace vsaproxy::auth
