#pragma once
// The outcome of anything that bad input, the network or a configuration can make fail.
// Broken invariants are not errors: they end the process.

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace vsaproxy::base {

// What went wrong, as far as it decides the reply and the retry. The first groups are the reasons
// of X-Proxy-Error, in the order of the README's table.
enum class ErrorKind {
  bad_request,
  bad_path,
  ambiguous_framing,
  host_not_allowed,
  browser_refused,
  client_denied,
  route_denied,
  no_route,
  client_key_required,
  method_refused,
  body_too_large,
  headers_too_large,
  rate_limited,
  request_timeout,
  upstream_connect,
  upstream_tls,
  upstream_protocol,
  upstream_closed,
  login_rejected,
  login_unavailable,
  login_budget_spent,
  draining,
  overloaded,
  upstream_timeout,
  // Never an answer to a client.
  client_gone,    // the client closed or broke its connection
  malformed,      // a login answer that is neither a success nor a refusal
  configuration,  // a file or a secret that cannot be used
  system,         // the operating system refused something
};

struct [[nodiscard]] Error {
  ErrorKind kind;
  std::string detail;  // one sentence, always safe to log: no secret, no bytes of a message
  // How long until trying again makes sense; empty if nothing is known.
  std::optional<std::chrono::milliseconds> retry_after = {};
};

template <class T>
using Result = tl::expected<T, Error>;

// return fail(ErrorKind::bad_path, "the path has a dot segment");
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string detail) {
  return tl::unexpected<Error>(Error{kind, std::move(detail)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// The X-Proxy-Error text of a kind, "login_rejected" for example.
std::string_view reason_text(ErrorKind kind);

}  // namespace vsaproxy::base
