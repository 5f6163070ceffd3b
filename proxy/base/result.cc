#include "proxy/base/result.h"

namespace vsaproxy::base {

std::string_view reason_text(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_request:
      return "bad_request";
    case ErrorKind::bad_path:
      return "bad_path";
    case ErrorKind::ambiguous_framing:
      return "ambiguous_framing";
    case ErrorKind::host_not_allowed:
      return "host_not_allowed";
    case ErrorKind::browser_refused:
      return "browser_refused";
    case ErrorKind::client_denied:
      return "client_denied";
    case ErrorKind::route_denied:
      return "route_denied";
    case ErrorKind::no_route:
      return "no_route";
    case ErrorKind::client_key_required:
      return "client_key_required";
    case ErrorKind::method_refused:
      return "method_refused";
    case ErrorKind::body_too_large:
      return "body_too_large";
    case ErrorKind::headers_too_large:
      return "headers_too_large";
    case ErrorKind::rate_limited:
      return "rate_limited";
    case ErrorKind::request_timeout:
      return "request_timeout";
    case ErrorKind::upstream_connect:
      return "upstream_connect";
    case ErrorKind::upstream_tls:
      return "upstream_tls";
    case ErrorKind::upstream_protocol:
      return "upstream_protocol";
    case ErrorKind::upstream_closed:
      return "upstream_closed";
    case ErrorKind::login_rejected:
      return "login_rejected";
    case ErrorKind::login_unavailable:
      return "login_unavailable";
    case ErrorKind::login_budget_spent:
      return "login_budget_spent";
    case ErrorKind::draining:
      return "draining";
    case ErrorKind::overloaded:
      return "overloaded";
    case ErrorKind::upstream_timeout:
      return "upstream_timeout";
    case ErrorKind::client_gone:
      return "client_gone";
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::configuration:
      return "configuration";
    case ErrorKind::system:
      return "system";
  }
  return "system";
}

}  // namespace vsaproxy::base
