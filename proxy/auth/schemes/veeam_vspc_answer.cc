#include "proxy/auth/schemes/veeam_vspc_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/json.h"
#include "proxy/auth/login_answer.h"
#include "proxy/auth/schemes/http_login_answer.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;

constexpr std::string_view unknown_grant = "unsupported_grant_type";

// The names of one answer. A wrong password comes as invalid_request, so they only explain.
constexpr std::array<std::string_view, 6> known_errors = {"invalid_client",      "invalid_grant",
                                                          "invalid_request",     "invalid_scope",
                                                          "unauthorized_client", unknown_grant};

const rapidjson::Value* first_of(const rapidjson::Value* list) {
  return list != nullptr && list->IsArray() && !list->Empty() && (*list)[0].IsObject() ? &(*list)[0]
                                                                                       : nullptr;
}

// {"errors":[{"type":"transport","code":429,"retryAfter":25}]}
std::optional<std::chrono::seconds> wait_of(const rapidjson::Document& document) {
  const rapidjson::Value* error = first_of(find_member(document, "errors"));
  return error == nullptr ? std::nullopt : parse_lifetime(text_member(*error, "retryAfter"));
}

std::optional<base::Error> transient(const LoginResponse& response,
                                     const rapidjson::Document* document) {
  constexpr std::chrono::seconds longest = std::chrono::hours(1);
  auto error = transient_error(response, "the upstream's url");
  if (error && document != nullptr) {
    if (const auto wait = wait_of(*document)) error->retry_after = std::min(*wait, longest);
  }
  return error;
}

tl::unexpected<base::Error> rejected(int status, std::string_view error, std::string_view advice) {
  const bool is_known =
      std::find(known_errors.begin(), known_errors.end(), error) != known_errors.end();
  if (status == 404 || status == 405) advice = "check the upstream's url, base and api";
  return base::fail(ErrorKind::login_rejected,
                    fmt::format("the login was rejected (HTTP {}{}{}): {}", status,
                                is_known ? ", " : "", is_known ? error : "", advice));
}

// Where the tokens are: at the top, or, before there was BASE/token, in "data" or its first entry.
const rapidjson::Value* content_of(VspcApi api, const rapidjson::Document& document) {
  if (api == VspcApi::v3) return &document;
  const rapidjson::Value* data = find_member(document, "data");
  return data != nullptr && data->IsObject() ? data : first_of(data);
}

struct Names {
  std::string_view access_token, refresh_token, mfa_token, challenge, end;
};

Names names_of(VspcApi api) {
  if (api == VspcApi::v3) {
    return {"access_token", "refresh_token", "mfa_token", "encrypted_code", "expires_in"};
  }
  return {api == VspcApi::v1 ? "token" : "accessToken", "refreshToken", "mfaToken", "challenge",
          "expirationTime"};
}

base::Result<VspcAnswer> read_tokens(VspcApi api, const LoginResponse& response, base::Time now,
                                     const rapidjson::Value& content) {
  const Names names = names_of(api);
  const std::string_view type = text_member(content, "token_type");
  if (!type.empty() && !base::equals_ignoring_case(type, "Bearer")) {
    return base::fail(ErrorKind::malformed,
                      "the login answer has a token of another type than Bearer");
  }
  auto credential = bearer_credential(text_member(content, names.access_token));
  if (!credential) return base::fail(std::move(credential.error()));
  const auto form = api == VspcApi::v3 ? ExpiryForm::seconds : ExpiryForm::rfc3339;
  const auto lifetime = lifetime_of(text_member(content, names.end), form, server_time(response));
  if (lifetime) credential->expires = now + *lifetime;
  credential->renewal = base::Secret(text_member(content, names.refresh_token));
  return VspcAnswer(std::move(*credential));
}

base::Result<VspcAnswer> read_content(VspcApi api, const LoginResponse& response, base::Time now,
                                      const rapidjson::Value& content) {
  const Names names = names_of(api);
  if (!text_member(content, names.access_token).empty()) {
    return read_tokens(api, response, now, content);
  }
  if (const auto token = text_member(content, names.mfa_token); !token.empty()) {
    return VspcMfa{base::Secret(token)};
  }
  const std::string_view challenge = text_member(content, names.challenge);
  auto ciphertext = decode_base64(challenge);
  if (!challenge.empty() && ciphertext) return VspcChallenge{std::move(*ciphertext)};
  return base::fail(ErrorKind::malformed,
                    challenge.empty()
                        ? fmt::format("the login answer (HTTP {}) has no token; check base and api",
                                      response.status)
                        : "the server's challenge is not base64");
}

}  // namespace

base::Result<VspcAnswer> read_vspc_answer(VspcApi api, const LoginResponse& response,
                                          base::Time now, std::string_view advice) {
  const int status = response.status;
  rapidjson::Document document;
  const bool is_json = parse_json_object(response.body, JsonNumbers::as_text, document);
  if (auto error = transient(response, is_json ? &document : nullptr)) {
    return base::fail(std::move(*error));
  }
  const std::string_view error = is_json ? text_member(document, "error") : "";
  if (status >= 400 || !error.empty()) return rejected(status, error, advice);
  const rapidjson::Value* content = is_json ? content_of(api, document) : nullptr;
  if (status < 200 || content == nullptr) {
    return base::fail(ErrorKind::malformed,
                      fmt::format("the login answer (HTTP {}) is not a VSPC server's; check the "
                                  "upstream's url, base and api",
                                  status));
  }
  return read_content(api, response, now, *content);
}

bool is_unknown_grant(const LoginResponse& response) {
  rapidjson::Document document;
  return response.status == 400 &&
         parse_json_object(response.body, JsonNumbers::as_text, document) &&
         text_member(document, "error") == unknown_grant;
}

}  // namespace vsaproxy::auth
