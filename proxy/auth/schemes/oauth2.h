#pragma once
// oauth2: an access token from a token endpoint (RFC 6749), sent as Bearer (RFC 6750).

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& oauth2_scheme();

// The token endpoint's answer (RFC 6749, 5.1 and 5.2): renewal is the refresh token, if one came.
base::Result<Credential> read_oauth2_answer(const LoginResponse& response, base::Time now);

}  // namespace vsaproxy::auth
