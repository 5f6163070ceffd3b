#include "proxy/auth/schemes/kaseya_vsa9_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "proxy/auth/json.h"
#include "proxy/auth/login_answer.h"
#include "proxy/auth/timestamp.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using std::chrono::seconds;

// "Authorization is unusable", seen with statuses that say otherwise.
constexpr std::string_view bad_credentials_code = "4000002";

struct Envelope {
  std::string code;        // ResponseCode: an integer as text
  base::Secret token;      // empty: there is none
  std::string expiration;  // SessionExpiration, as written
};

bool is_response_code(std::string_view text) {
  constexpr std::size_t most_digits = 10;
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.size() <= most_digits &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<Envelope> read_envelope(std::string_view body) {
  rapidjson::Document document;
  if (!parse_json_object(body, JsonNumbers::as_text, document)) return std::nullopt;
  Envelope envelope;
  envelope.code = text_member(document, "ResponseCode");
  if (!is_response_code(envelope.code)) return std::nullopt;
  const rapidjson::Value* result = find_member(document, "Result");
  if (result != nullptr && result->IsObject()) {
    const std::string_view token = text_member(*result, "Token");
    envelope.token = base::Secret(token.empty() ? text_member(*result, "ApiToken") : token);
    envelope.expiration = text_member(*result, "SessionExpiration");
  }
  return envelope;
}

// Texts that VSA servers are known to send, possibly without JSON around them.
std::string_view known_complaint(std::string_view body) {
  constexpr std::array<std::string_view, 2> complaints = {"Auth header is missing user parameter",
                                                          "Missing Authorization Header"};
  for (const std::string_view complaint : complaints) {
    if (body.substr(0, 1024).find(complaint) != std::string_view::npos) return complaint;
  }
  return {};
}

std::optional<base::Time> expiry(const LoginResponse& response, std::string_view expiration,
                                 base::Time now) {
  constexpr auto longest = std::chrono::days(7);
  const auto end = parse_utc_timestamp(expiration);
  if (!end) return std::nullopt;
  const seconds lifetime = *end - server_time(response);
  if (lifetime <= seconds(0) || lifetime > longest) return std::nullopt;
  return now + lifetime;
}

std::string advice(int status, std::string_view complaint, std::string_view secret_name) {
  if (!complaint.empty()) {
    return fmt::format(
        "the server says \"{}\": check username, {} and what stands between here and "
        "the server",
        complaint, secret_name);
  }
  if (status == 403) {
    return fmt::format("check that the account and its {} may use the REST API from this address",
                       secret_name);
  }
  if (status == 404 || status == 405) return "check the upstream's url and the credential's base";
  return fmt::format("check username and {}, and that the account is not disabled", secret_name);
}

tl::unexpected<base::Error> rejected(const LoginResponse& response,
                                     const std::optional<Envelope>& envelope,
                                     std::string_view secret_name) {
  const std::string code =
      envelope ? fmt::format(", ResponseCode {}", envelope->code) : std::string();
  const std::string_view no_token = envelope && envelope->code == "0" ? ", no token" : "";
  return base::fail(
      ErrorKind::login_rejected,
      fmt::format("the login was rejected (HTTP {}{}{}): {}", response.status, code, no_token,
                  advice(response.status, known_complaint(response.body), secret_name)));
}

base::Result<Credential> read_success(const LoginResponse& response, const Envelope& envelope,
                                      base::Time now) {
  auto credential = bearer_credential(envelope.token.reveal());
  if (credential) credential->expires = expiry(response, envelope.expiration, now);
  return credential;
}

}  // namespace

base::Result<Credential> read_vsa9_login(const LoginResponse& response, base::Time now,
                                         std::string_view secret_name) {
  const int status = response.status;
  const auto envelope = read_envelope(response.body);
  const bool is_refusal = envelope && envelope->code == bad_credentials_code;
  if (!is_refusal || is_redirect(status)) {
    if (auto error = transient_error(response, "the upstream's url")) {
      return base::fail(std::move(*error));
    }
  }
  if (status >= 400 && status < 600) return rejected(response, envelope, secret_name);
  const bool success = status >= 200 && status < 300;
  if (success && !envelope && !known_complaint(response.body).empty()) {
    return rejected(response, envelope, secret_name);
  }
  if (!success || !envelope) {
    return base::fail(
        ErrorKind::malformed,
        fmt::format("the login answer (HTTP {}) is not a VSA server's: no JSON object "
                    "with a ResponseCode; check the upstream's url and the "
                    "credential's base",
                    status));
  }
  if (envelope->code != "0" || envelope->token.empty()) {
    return rejected(response, envelope, secret_name);
  }
  return read_success(response, *envelope, now);
}

bool says_vsa9_session_lost(const AnswerLook& answer) {
  // Every answer is looked at, hardly any says so, and reading one costs 6,000 instructions. Text
  // may also be spelt with escapes.
  const bool may_say_so = answer.body.find("401") != std::string_view::npos ||
                          answer.body.find("\\u") != std::string_view::npos;
  if (!may_say_so) return false;
  rapidjson::Document document;
  return answer.status >= 200 && answer.status < 300 &&
         parse_json_object(answer.body, JsonNumbers::as_text, document) &&
         text_member(document, "ResponseCode") == "401";
}

}  // namespace vsaproxy::auth
