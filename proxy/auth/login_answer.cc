#include "proxy/auth/login_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/auth/timestamp.h"

namespace vsaproxy::auth {

using std::chrono::seconds;
using std::chrono::sys_seconds;

std::string_view field_of(const LoginResponse& response, std::string_view name) {
  const http::Field* field = response.fields == nullptr ? nullptr : response.fields->find(name);
  return field == nullptr ? std::string_view() : field->value;
}

sys_seconds server_time(const LoginResponse& response) {
  const auto received = std::chrono::floor<seconds>(response.received_at);
  return parse_http_date(field_of(response, "Date"), received).value_or(received);
}

bool is_transient(int status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600);
}

bool is_redirect(int status) { return status >= 300 && status < 400; }

tl::unexpected<base::Error> unavailable(const LoginResponse& response, std::string detail) {
  constexpr seconds longest = std::chrono::hours(1);
  base::Error error{base::ErrorKind::login_unavailable, std::move(detail)};
  if (const auto wait =
          parse_retry_after(field_of(response, "Retry-After"), server_time(response))) {
    error.retry_after = std::min(*wait, longest);
  }
  return base::fail(std::move(error));
}

std::optional<base::Error> transient_error(const LoginResponse& response,
                                           std::string_view place_key) {
  const int status = response.status;
  if (is_transient(status)) {
    return unavailable(response, fmt::format("the login server answered HTTP {}", status)).value();
  }
  if (is_redirect(status)) {
    return unavailable(response,
                       fmt::format("the login was answered by a redirect (HTTP {}): redirects are "
                                   "never followed, check {}",
                                   status, place_key))
        .value();
  }
  return std::nullopt;
}

base::Result<Credential> bearer_credential(std::string_view token) {
  const bool is_visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (token.empty() || !is_visible) {
    return base::fail(base::ErrorKind::malformed,
                      "the login answer has a token that fits into no header field");
  }
  Credential credential;
  credential.fields.push_back(
      {"Authorization", base::Secret::take(fmt::format("Bearer {}", token))});
  return credential;
}

std::optional<seconds> parse_lifetime(std::string_view text) {
  constexpr seconds longest = std::chrono::years(10);
  const std::string_view whole = text.substr(0, text.find('.'));
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), count);
  if (whole.empty() || error != std::errc() || end != whole.data() + whole.size()) {
    return std::nullopt;
  }
  if (count <= 0 || count > longest.count()) return std::nullopt;
  return seconds(count);
}

}  // namespace vsaproxy::auth
