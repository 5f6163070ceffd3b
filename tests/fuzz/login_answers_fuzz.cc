// Any bytes as the answers to a login of each credential type: never a crash, never a credential
// that could break a request, never an error that repeats the server's bytes, never a login without
// an end. The input reads as the name of a login below, then answers, with a line "=" between two:
// status, fields one to a line, an empty line, the body.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "proxy/auth/schemes/http_login.h"
#include "proxy/auth/schemes/kaseya_vsa9.h"
#include "proxy/auth/schemes/oauth2.h"
#include "proxy/auth/schemes/veeam_vspc.h"
#include "tests/fuzz/check.h"
#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using fuzz::check;

namespace {

constexpr base::Time now{std::chrono::hours(1)};
constexpr base::WallTime wall{std::chrono::hours(490'896)};  // 2026-01-01
constexpr std::size_t most_fields = 64;
constexpr int most_steps = 6;  // a refresh, two grants, a challenge, its solution, one to spare
constexpr std::string_view marker = "QZMARKER";  // no message of ours has it

const std::string& sample_key() {
  static const std::string text = [] {
    std::ifstream file(FUZZ_DIR "/corpus/vspc_key/xml");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  return text;
}

struct Login {
  std::string_view name;
  const auth::SchemeSpec& spec;
  auth::Texts texts;
  auth::Texts secrets;
};

const std::array<Login, 9>& logins() {
  const auth::Texts user = {{"username", "u"}};
  const auth::Texts password = {{"password", "p"}};
  const auth::Texts key = {{"private_key", sample_key()}};
  static const std::array<Login, 9> all = {{
      {"vsa9", auth::kaseya_vsa9_scheme(), user, {{"token", "t"}}},
      {"oauth2",
       auth::oauth2_scheme(),
       {{"token_url", "https://a.example/token"}, {"client_id", "c"}},
       {{"client_secret", "s"}}},
      {"http",
       auth::http_login_scheme(),
       {{"request.url", "https://a.example/login"},
        {"token.pointer", "/data/token"},
        {"expires.pointer", "/data/end"},
        {"expires.as", "rfc3339"}},
       {{"secret", "s"}}},
      {"http-field",
       auth::http_login_scheme(),
       {{"request.url", "https://a.example/login"},
        {"token.header", "X-Session"},
        {"expires.pointer", "/end"},
        {"expires.as", "unix"}},
       {{"secret", "s"}}},
      {"vspc", auth::veeam_vspc_scheme(), user, password},
      {"vspc-mfa",
       auth::veeam_vspc_scheme(),
       user,
       {{"password", "p"}, {"totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}},
      {"vspc-key", auth::veeam_vspc_scheme(), {}, key},
      {"vspc-v2", auth::veeam_vspc_scheme(), {{"api", "v2"}}, key},
      {"vspc-v1", auth::veeam_vspc_scheme(), {{"api", "v1"}}, key},
  }};
  return all;
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

bool is_visible(char c) { return c > ' ' && c < '\x7F'; }

struct Answer {
  int status = 0;
  http::Fields fields;
  std::string_view body;
};

Answer take_answer(std::string_view& rest) {
  constexpr std::string_view next = "\n=\n";
  const std::size_t end = std::min(rest.find(next), rest.size());
  std::string_view text = rest.substr(0, end);
  rest.remove_prefix(std::min(end + next.size(), rest.size()));
  Answer answer;
  const std::string_view status = take_line(text);
  std::from_chars(status.data(), status.data() + status.size(), answer.status);
  for (std::size_t count = 0; count < most_fields && !text.empty(); ++count) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    const std::size_t colon = std::min(line.find(':'), line.size());
    answer.fields.add(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
  answer.body = text;
  return answer;
}

void check_credential(const auth::Credential& credential, const Login& login) {
  check(credential.fields.size() == 1, "one field is injected");
  check(credential.fields.front().name == "Authorization", "it is the configured one");
  const std::string_view value = credential.fields.front().value.reveal();
  constexpr std::string_view scheme = "Bearer ";
  check(value.starts_with(scheme) && value.size() > scheme.size(), "it has a token");
  const bool may_have_spaces = &login.spec == &auth::http_login_scheme();
  const bool is_one_line =
      std::all_of(value.begin() + scheme.size(), value.end(), [may_have_spaces](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return may_have_spaces ? byte >= ' ' && byte != 0x7F : is_visible(c);
      });
  check(is_one_line, "no token breaks out of its field");
  if (!credential.expires) return;
  check(*credential.expires > now, "a session ends later");
  check(*credential.expires <= now + std::chrono::years(10), "a session ends");
}

void check_error(const base::Error& error) {
  using base::ErrorKind;
  check(error.kind == ErrorKind::login_rejected || error.kind == ErrorKind::login_unavailable ||
            error.kind == ErrorKind::malformed,
        "an answer is a rejection, transient or malformed");
  check(!error.detail.empty(), "an error says something");
  check(std::all_of(error.detail.begin(), error.detail.end(),
                    [](char c) { return c == ' ' || is_visible(c); }),
        "an error is one line of ASCII");
  check(error.detail.find(marker) == std::string::npos, "an error has nothing of the answer");
  if (!error.retry_after) return;
  check(
      *error.retry_after >= std::chrono::seconds(0) && *error.retry_after <= std::chrono::hours(1),
      "a wait is an hour at most");
}

void check_request(const auth::LoginRequest& request) {
  check(request.target.starts_with('/'), "a login goes to a path");
  check(std::all_of(request.target.begin(), request.target.end(), is_visible),
        "no answer breaks the target");
  check(request.content_type.find(marker) == std::string::npos, "the type is ours");
}

void run(const Login& login, std::string_view rest, const auth::Credential* former) {
  auto scheme = auth::make_scheme(login.spec, login.texts, login.secrets);
  check(scheme.has_value(), "the login is configured well");
  auto step = (*scheme)->start(now, former);
  for (int steps = 0;; ++steps) {
    if (!step) return check_error(step.error());
    if (const auto* credential = std::get_if<auth::Credential>(&*step)) {
      check_credential(*credential, login);
      // What is kept is good for the next login, whatever it is.
      return former == nullptr ? run(login, rest, credential) : void();
    }
    check(steps < most_steps, "a login ends");
    check_request(std::get<auth::LoginRequest>(*step));
    const Answer answer = take_answer(rest);
    auto next = (*scheme)->on_response({answer.status, &answer.fields, answer.body, wall}, now);
    const bool is_refused = answer.status < 200 || answer.status >= 300;
    check(!(is_refused && next && std::holds_alternative<auth::Credential>(*next)),
          "a session begins with a success");
    if (login.spec.session_lost != nullptr) {
      const auth::AnswerLook look{answer.status, "application/json", answer.body};
      const bool is_lost = login.spec.session_lost(look);
      check(!(is_lost && (next || is_refused)),
            "a lost session is a refusal with success's status");
    }
    step = std::move(next);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view name = take_line(rest);
  for (const Login& login : logins()) {
    if (login.name == name) run(login, rest, nullptr);
  }
  return 0;
}
