#pragma once
// http_login: any API with "post something, get a token", described by configuration only.

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& http_login_scheme();

}  // namespace vsaproxy::auth
