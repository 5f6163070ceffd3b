// Any bytes as the answer to a VSA 9 login: never a crash, never a credential that could break a
// request, never an error that repeats the server's control bytes. The input reads as an answer:
// status, fields one to a line, an empty line, the body.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proxy/auth/schemes/kaseya_vsa9_answer.h"

using namespace vsaproxy;

namespace {

constexpr base::Time now{std::chrono::hours(1)};
constexpr std::size_t most_fields = 64;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

bool is_visible(char c) { return c > ' ' && c < '\x7F'; }

void check(const auth::Credential& credential, int status) {
  constexpr std::string_view scheme = "Bearer ";
  require(status >= 200 && status < 300);
  require(credential.fields.size() == 1 && credential.fields.front().name == "Authorization");
  const std::string_view value = credential.fields.front().value.reveal();
  require(value.starts_with(scheme) && value.size() > scheme.size());
  const std::string_view token = value.substr(scheme.size());
  require(std::all_of(token.begin(), token.end(), is_visible));
  if (!credential.expires) return;
  require(*credential.expires > now && *credential.expires <= now + std::chrono::days(7));
}

void check(const base::Error& error) {
  using base::ErrorKind;
  require(error.kind == ErrorKind::login_rejected || error.kind == ErrorKind::login_unavailable ||
          error.kind == ErrorKind::malformed);
  require(!error.detail.empty());
  require(std::all_of(error.detail.begin(), error.detail.end(),
                      [](char c) { return c == ' ' || is_visible(c); }));
  if (!error.retry_after) return;
  require(*error.retry_after >= std::chrono::seconds(0) &&
          *error.retry_after <= std::chrono::hours(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view status_line = take_line(rest);
  auth::LoginResponse response;
  std::from_chars(status_line.data(), status_line.data() + status_line.size(), response.status);
  http::Fields fields;
  for (std::size_t count = 0; count < most_fields && !rest.empty(); ++count) {
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    const std::size_t colon = std::min(line.find(':'), line.size());
    fields.add(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
  response.fields = &fields;
  response.body = rest;
  response.received_at = base::WallTime(std::chrono::hours(490'896));  // 2026-01-01
  const auto credential = auth::read_vsa9_login(response, now, "token");
  if (credential) {
    check(*credential, response.status);
  } else {
    check(credential.error());
  }
  const auth::AnswerLook answer{response.status, "application/json", rest};
  const bool lost = auth::says_vsa9_session_lost(answer);
  require(!(lost && credential.has_value()));
  require(!lost || (response.status >= 200 && response.status < 300));
  return 0;
}
