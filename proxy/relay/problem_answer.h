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

// Whom the client takes us for: a proxy asks for a key with 407, a server with 403.
enum class Addressed { as_server, as_proxy };

// 503 answers always carry Retry-After, 1 s at least.
ProxyAnswer make_problem_answer(const base::Error& error, std::string_view request_id,
                                Addressed addressed = Addressed::as_server);

// "Yes, you may ask": to a preflight of a listed page. Everything it asks about is allowed, for it
// is checked when the request itself comes.
ProxyAnswer make_preflight_answer(const http::Fields& asked);

// What a browser must see before it shows an answer to a page of that origin.
void add_page_fields(std::string_view origin, http::Fields& fields);

// A credential type's own answer to a login or logout call. With X-Proxy-Error and Proxy-Status too
// if there is a failure behind it.
ProxyAnswer make_login_answer(auth::LocalAnswer answer, const base::Error* failure);

// The status of a reason: 400 to 504. Never 401.
int problem_status(base::ErrorKind kind);

}  // namespace vsaproxy::relay
