#pragma once
// What the proxy answers itself. An Error becomes problem+json (RFC 9457) with X-Proxy-Error and
// Proxy-Status (RFC 9209): the one place that does it.

#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::relay {

struct ProxyAnswer {
  http::ResponseHead head;
  std::string body;
};

// 503 answers always carry Retry-After, 1 s at least.
ProxyAnswer make_problem_answer(const base::Error& error, std::string_view request_id);

// A credential type's own answer to a login or logout call. With X-Proxy-Error and Proxy-Status too
// if there is a failure behind it.
ProxyAnswer make_login_answer(auth::LocalAnswer answer, const base::Error* failure);

// The status of a reason: 400 to 504. Never 401.
int problem_status(base::ErrorKind kind);

}  // namespace vsaproxy::relay
