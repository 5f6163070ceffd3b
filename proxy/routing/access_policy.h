#pragma once
// Whether a request may be asked at all, before a route is looked for: the name the client used,
// the method, and whether a browser sent it. Pure; constant rules that workers may share.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/target.h"

namespace vsaproxy::routing {

struct AccessRules {
  // Names and addresses by which clients may call this listener: no port, IPv6 without brackets.
  std::vector<std::string> allowed_hosts;
  // Browsers whose page comes from this listener itself may ask; if not, no browser may.
  bool same_origin = false;
  std::vector<http::Origin> origins;  // pages from there may ask too
};

// Against DNS rebinding: a web page reaches a loopback port under a name of its own. The host is
// that of the Host field or of the absolute form, without port and brackets. Error:
// host_not_allowed.
base::Result<void> check_host(const AccessRules& rules, std::string_view host_without_port);

// Where a request went, as a browser sees it: "http" or "https", and the Host or the authority of
// the absolute form.
struct Destination {
  std::string_view scheme;
  std::string_view authority;
};

// A browser is known by fields that other programs don't add: Origin, Sec-Fetch-Site,
// Access-Control-Request-Method or Referer. Sec-Fetch-Mode alone is none of them. Error:
// browser_refused, unless the rules let the page's origin through: each Origin and Referer must be
// the destination's or a listed one, Sec-Fetch-Site must be same-origin or none, or the page
// listed. Where browsers send no Sec-Fetch-Site, to http at a name that is not localhost, a page
// can ask without any of these fields; if no browser may ask, User-Agent tells there.
base::Result<void> check_browser(const AccessRules& rules, const http::Fields& fields,
                                 const Destination& destination);

// The Origin of a page that is listed, as the browser wrote it; empty if there is none.
std::string_view listed_origin(const AccessRules& rules, const http::Fields& fields);

// A browser asks whether it may ask (the CORS protocol of the Fetch standard, 3.2.2).
bool is_preflight(std::string_view method, const http::Fields& fields);

// Error: method_refused, for TRACE (RFC 9110, 9.3.8) and TRACK, in any case: they would send the
// injected credential back to the client.
base::Result<void> check_method(std::string_view method);

}  // namespace vsaproxy::routing
