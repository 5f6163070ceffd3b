#pragma once
// Whether a request may be asked at all, before a route is looked for: the name the client used,
// the method, and whether a browser sent it. Pure; constant rules that workers may share.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::routing {

struct AccessRules {
  // Names and addresses by which clients may call this listener: no port, IPv6 without brackets.
  std::vector<std::string> allowed_hosts;
};

// Against DNS rebinding: a web page reaches a loopback port under a name of its own. The host is
// that of the Host field or of the absolute form, without port and brackets. Error:
// host_not_allowed.
base::Result<void> check_host(const AccessRules& rules, std::string_view host_without_port);

// Error: browser_refused, if a field is present that browsers add and other programs don't: Origin,
// Sec-Fetch-Site, Access-Control-Request-Method or Referer. Sec-Fetch-Mode alone is none of them.
base::Result<void> check_browser(const http::Fields& fields);

// Error: method_refused, for TRACE (RFC 9110, 9.3.8) and TRACK, in any case: they would send the
// injected credential back to the client.
base::Result<void> check_method(std::string_view method);

}  // namespace vsaproxy::routing
