#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/auth/json.h"
#include "proxy/auth/login_answer.h"
#include "proxy/auth/schemes/oauth2.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;

// RFC 6749, 5.2, and access_denied of 4.1.2.1, which some servers use here. Only these are
// repeated in a message.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> known_errors = {{
    {"invalid_client", "check client_id, client_secret and client_auth"},
    {"invalid_grant", "check the user name and password, or the refresh token"},
    {"unauthorized_client", "the client may not use this grant: ask who registered it"},
    {"unsupported_grant_type", "the server does not know this grant: choose another"},
    {"invalid_scope", "check scopes"},
    {"invalid_request", "check params, client_auth and the secrets"},
    {"access_denied", "the account may not do this"},
}};

tl::unexpected<base::Error> rejected(int status, std::string_view error) {
  const auto known = std::find_if(known_errors.begin(), known_errors.end(),
                                  [error](const auto& entry) { return entry.first == error; });
  if (known != known_errors.end()) {
    return base::fail(ErrorKind::login_rejected,
                      fmt::format("the login was rejected (HTTP {}, {}): {}", status, known->first,
                                  known->second));
  }
  const std::string_view advice = status == 404 || status == 405
                                      ? "check token_url"
                                      : "check client_id, client_secret and token_url";
  return base::fail(ErrorKind::login_rejected,
                    fmt::format("the login was rejected (HTTP {}): {}", status, advice));
}

}  // namespace

base::Result<Credential> read_oauth2_answer(const LoginResponse& response, base::Time now) {
  const int status = response.status;
  if (auto error = transient_error(response, "token_url")) return base::fail(std::move(*error));
  rapidjson::Document document;
  const bool is_json = parse_json_object(response.body, JsonNumbers::as_text, document);
  const std::string_view error = is_json ? text_member(document, "error") : "";
  if (status >= 400 || !error.empty()) return rejected(status, error);
  const std::string_view token = is_json ? text_member(document, "access_token") : "";
  if (status < 200 || token.empty()) {
    return base::fail(ErrorKind::malformed,
                      fmt::format("the login answer (HTTP {}) is no token answer: no JSON object "
                                  "with an access_token; check token_url",
                                  status));
  }
  const std::string_view type = text_member(document, "token_type");
  if (!type.empty() && !base::equals_ignoring_case(type, "Bearer")) {
    return base::fail(ErrorKind::malformed,
                      "the login answer has a token of another type than Bearer (RFC 6750)");
  }
  auto credential = bearer_credential(token);
  if (!credential) return credential;
  if (const auto lifetime = parse_lifetime(text_member(document, "expires_in"))) {
    credential->expires = now + *lifetime;
  }
  credential->renewal = base::Secret(text_member(document, "refresh_token"));
  return credential;
}

}  // namespace vsaproxy::auth
