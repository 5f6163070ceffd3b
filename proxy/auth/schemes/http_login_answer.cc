#include "proxy/auth/schemes/http_login_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/auth/json.h"
// After json.h, which quietens RapidJSON.
#include <rapidjson/pointer.h>

#include "proxy/auth/login_answer.h"
#include "proxy/auth/login_template.h"
#include "proxy/auth/timestamp.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using std::chrono::seconds;
using std::chrono::sys_seconds;

// The text there, or the digits of a number; "" if there is neither.
std::string_view text_at(const rapidjson::Document& document, const std::string& pointer) {
  const rapidjson::Value* value = rapidjson::Pointer(pointer.data(), pointer.size()).Get(document);
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}

// RFC 3339, 4.2: "+02:00" or "-02:30" at the end is how far that clock is ahead of UTC.
std::optional<sys_seconds> parse_rfc3339(std::string_view text) {
  constexpr std::size_t length = 6;
  seconds ahead{0};
  if (text.size() > length) {
    const std::string_view offset = text.substr(text.size() - length);
    const auto two_digits = [](std::string_view digits) {
      int value = -1;
      const auto end = std::from_chars(digits.data(), digits.data() + 2, value).ptr;
      return end == digits.data() + 2 ? value : -1;
    };
    if ((offset[0] == '+' || offset[0] == '-') && offset[3] == ':') {
      const int hours = two_digits(offset.substr(1, 2));
      const int minutes = two_digits(offset.substr(4, 2));
      if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
      ahead = std::chrono::hours(hours) + std::chrono::minutes(minutes);
      if (offset[0] == '-') ahead = -ahead;
      text.remove_suffix(length);
    }
  }
  const auto time = parse_utc_timestamp(text);
  return time ? std::optional(*time - ahead) : std::nullopt;
}

tl::unexpected<base::Error> no_token(const AnswerRecipe& recipe, int status) {
  return base::fail(
      ErrorKind::login_rejected,
      fmt::format("the login was answered without a token (HTTP {}): nothing at {}; check username "
                  "and secret, and token",
                  status,
                  recipe.token_in_body ? "token.pointer" : "the field named by token.header"));
}

base::Result<Credential> credential_of(const AnswerRecipe& recipe, std::string_view token) {
  auto value = fill_template(recipe.inject_value, {.username = {}, .secret = {}, .token = token},
                             Encoding::none, "inject.value");
  if (!value) {
    return base::fail(ErrorKind::malformed,
                      "the login answer has a token that fits into no header field");
  }
  Credential credential;
  credential.fields.push_back({recipe.inject_header, std::move(*value)});
  return credential;
}

}  // namespace

std::optional<seconds> lifetime_of(std::string_view text, ExpiryForm form, sys_seconds now) {
  if (form == ExpiryForm::seconds) return parse_lifetime(text);
  std::optional<sys_seconds> end;
  if (form == ExpiryForm::rfc3339) {
    end = parse_rfc3339(text);
  } else if (std::int64_t count = 0;
             std::from_chars(text.data(), text.data() + text.size(), count).ec == std::errc() &&
             count > 0 && count < std::int64_t{1} << 40) {
    end = sys_seconds(seconds(count));
  }
  if (!end || *end <= now || *end - now > std::chrono::years(10)) return std::nullopt;
  return *end - now;
}

base::Result<Credential> read_http_login(const AnswerRecipe& recipe, const LoginResponse& response,
                                         base::Time now) {
  const int status = response.status;
  const auto& rejected = recipe.rejected_status;
  if (std::find(rejected.begin(), rejected.end(), status) != rejected.end()) {
    return base::fail(ErrorKind::login_rejected,
                      fmt::format("the login was rejected (HTTP {}): check username, secret and "
                                  "request",
                                  status));
  }
  if (auto error = transient_error(response, "request.url")) return base::fail(std::move(*error));
  if (status < 200 || status >= 300) {
    return unavailable(response,
                       fmt::format("the login server answered HTTP {}: check request.url", status));
  }
  rapidjson::Document document;
  const bool reads_body = recipe.token_in_body || recipe.expiry_pointer;
  const bool is_json = reads_body && parse_json(response.body, JsonNumbers::as_text, document);
  if (recipe.token_in_body && !is_json) {
    return base::fail(ErrorKind::malformed,
                      fmt::format("the login answer (HTTP {}) is no JSON; check request.url and "
                                  "token",
                                  status));
  }
  const std::string_view token = recipe.token_in_body ? text_at(document, recipe.token_pointer)
                                                      : field_of(response, recipe.token_header);
  if (token.empty()) return no_token(recipe, status);
  auto credential = credential_of(recipe, token);
  if (!credential) return credential;
  if (recipe.fixed_lifetime) {
    credential->expires = now + *recipe.fixed_lifetime;
  } else if (recipe.expiry_pointer && is_json) {
    const auto lifetime = lifetime_of(text_at(document, *recipe.expiry_pointer), recipe.expiry_form,
                                      server_time(response));
    if (lifetime) credential->expires = now + *lifetime;
  }
  return credential;
}

}  // namespace vsaproxy::auth
