#pragma once
// basic: a user name and a password in every request (RFC 7617), without a login.

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& basic_scheme();

}  // namespace vsaproxy::auth
