#pragma once
// What the VSA 9 SOAP API answers to its own login calls, for tools that insist on making them: a
// placeholder that opens nothing.

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

// For SchemeSpec::stub, of an operation that login_operation() knows. SOAP of the request's
// version, or the bare string that a call by GET or with a form gets. A failure has SessionID 0 and
// the reason as ErrorMessage, and status 200 all the same.
LocalAnswer soap_stub(const StubRequest& request);

}  // namespace vsaproxy::auth
