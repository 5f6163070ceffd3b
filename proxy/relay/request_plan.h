#pragma once
// From a request's head to where it goes and as what: every check that needs no waiting, in one
// place and in a fixed order. Pure.

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/proxy_fields.h"
#include "proxy/http/target.h"
#include "proxy/relay/request_rules.h"

namespace vsaproxy::relay {

struct RequestPlan {
  // The last check that let the request through, in their order.
  enum class Passed { nothing, host, browser, path, route, everything };

  Passed passed = Passed::nothing;
  std::size_t route = 0;  // from Passed::route on, as is upstream
  std::size_t upstream = 0;
  // The address the client used, for Location fields; empty for an HTTP/1.0 client without Host.
  std::string client_authority;
  bool is_forward = false;  // absolute form
  // The listed page that a browser asks for: its answers get the CORS fields of the proxy's own.
  // Empty: none, or the route leaves them to the upstream.
  std::string page_origin;
  bool is_preflight = false;  // of such a page: answered here
  http::NormalizedPath path;  // the client's, with strip_prefix
  std::string target;         // to send: without strip_prefix, with the query
  // The API's own login or logout call, to be answered here; null: an ordinary request.
  const auth::LoginPath* login = nullptr;
  routing::RuleVerdict verdict;  // of the route's rules
  // What they would refuse it for, in observe mode; empty: nothing.
  std::string observed;
  bool passes_login = false;  // such a call, forwarded as the client sent it, without our session
};

// Method, target, Host, browser, path, route, login paths, route rules, body limit. `plan` keeps
// its memory from one request to the next. Errors: bad_request, bad_path, method_refused,
// host_not_allowed, browser_refused, route_denied, no_route, body_too_large.
base::Result<void> plan_request(const RequestRules& rules, std::size_t listener,
                                const http::RequestHead& head, RequestPlan& plan);

// The target of a request that was meant for a proxy: not a path, and not "*".
bool is_for_a_proxy(std::string_view target);

// What becomes of a login or logout call under the route's login_paths. Error: route_denied.
base::Result<void> plan_login_call(const settings::Route& route, const auth::SchemeSpec& scheme,
                                   const auth::LoginPath& call, RequestPlan& plan);

// True if a request of this method may be sent again after its session was refused.
bool covers(const settings::Replay& replay, std::string_view method);

// From the client's head to the upstream's, without what the credential adds: fields, Host and
// target. `authorization`: pass where no session of ours goes with it.
void prepare_upstream_head(const RequestRules& rules, const RequestPlan& plan,
                           http::Treatment authorization, http::RequestHead& head);

}  // namespace vsaproxy::relay
