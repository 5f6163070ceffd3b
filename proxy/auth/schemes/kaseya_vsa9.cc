#include "proxy/auth/schemes/kaseya_vsa9.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/schemes/base_path.h"
#include "proxy/auth/schemes/kaseya_password.h"
#include "proxy/auth/schemes/kaseya_vsa9_answer.h"
#include "proxy/auth/schemes/kaseya_vsa9_stub.h"
#include "proxy/auth/utf8.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view default_two_factor = ":undefined";

std::string comma_fault(std::string_view value) {
  return value.find(',') == std::string_view::npos
             ? ""
             : "must not have a comma: VSA takes it for the end of the value";
}

std::string vsa9_username_fault(std::string_view value) {
  std::string fault = username_fault(value);
  return fault.empty() ? comma_fault(value) : fault;
}

constexpr std::array<std::string_view, 2> formulas = {"web", "documented"};

constexpr std::array fields = {
    base::Field{.key = "username", .required = true, .fault = vsa9_username_fault},
    base::Field{.key = "base",
                .type = base::FieldType::path,
                .default_value = "/api/v1.0",
                .fault = base_path_fault},
    base::Field{.key = "token", .type = base::FieldType::secret},
    base::Field{.key = "password", .type = base::FieldType::secret},
    base::Field{.key = "password_formula",
                .type = base::FieldType::choice,
                .default_value = "web",
                .choices = formulas},
    base::Field{.key = "two_factor", .default_value = default_two_factor, .fault = comma_fault},
    encoding_field,
};

constexpr std::array login_paths = {
    LoginPath{"GET", "/auth"},
    LoginPath{"GET", "/auth/sso"},
    LoginPath{"DELETE", "/system/users/session", LoginCall::logout},
    LoginPath{"POST", "/token"},
    LoginPath{"POST", "/authorize"},
};

std::string fault(const base::FieldValues& values) {
  const bool has_token = values.secret("token") != nullptr;
  const bool has_password = values.secret("password") != nullptr;
  if (has_token == has_password) {
    return has_token ? "has both token and password: keep the one to log in with"
                     : "needs token (a personal access token) or password";
  }
  const std::string_view username = values.text("username").value_or("");
  return has_token && username.find(':') != std::string_view::npos
             ? "must have a username without a colon when it logs in with a token (RFC 7617)"
             : "";
}

struct Parameters {
  std::string username;
  std::string target;
  base::Secret secret;
  std::string_view secret_name;  // "token" or "password"
  TextEncoding encoding = TextEncoding::utf_8;
  PasswordFormula formula = PasswordFormula::web;
  std::optional<std::string> two_factor;
  std::function<std::uint32_t()> random;
};

class KaseyaVsa9 final : public Scheme {
 public:
  explicit KaseyaVsa9(Parameters parameters) : parameters_(std::move(parameters)) {}

  base::Result<Step> start(base::Time, const Credential*) override {
    return authorization().map([this](base::Secret value) -> Step {
      LoginRequest request;
      request.method = "GET";
      request.target = parameters_.target;
      request.fields.push_back({"Authorization", std::move(value)});
      request.fields.push_back({"Accept", base::Secret("application/json")});
      return request;
    });
  }

  base::Result<Step> on_response(const LoginResponse& response, base::Time now) override {
    return read_vsa9_login(response, now, parameters_.secret_name)
        .map([](Credential credential) -> Step { return credential; });
  }

 private:
  base::Result<base::Secret> authorization() const {
    const Parameters& own = parameters_;
    const auto username = encode_text(own.username, own.encoding, "username");
    if (!username) return tl::unexpected(username.error());
    const auto secret = encode_text(own.secret.reveal(), own.encoding, own.secret_name);
    if (!secret) return tl::unexpected(secret.error());
    if (strip(secret->reveal()).empty()) {
      return base::fail(base::ErrorKind::configuration,
                        fmt::format("the {} is empty", own.secret_name));
    }
    if (own.secret_name == "token") {
      return token_authorization(username->reveal(), secret->reveal());
    }
    const std::string digits = eight_digits(own.random());
    const base::Secret payload = password_payload({.username = username->reveal(),
                                                   .password = secret->reveal(),
                                                   .random = digits,
                                                   .formula = own.formula,
                                                   .two_factor = own.two_factor});
    return basic_authorization(payload.reveal());
  }

  Parameters parameters_;
};

// The documented formula has no such field: there the default does not apply.
std::optional<std::string> two_factor_of(std::string_view text, PasswordFormula formula) {
  const bool left_out = formula == PasswordFormula::documented && text == default_two_factor;
  if (text.empty() || left_out) return std::nullopt;
  return std::string(text);
}

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::FieldValues& values = *input.values;
  Parameters parameters;
  parameters.secret_name = values.secret("token") != nullptr ? "token" : "password";
  const auto secret = input.secrets.find(parameters.secret_name);
  if (secret == input.secrets.end()) {
    return base::fail(base::ErrorKind::configuration,
                      fmt::format("there is no {} to log in with", parameters.secret_name));
  }
  parameters.secret = std::move(secret->second);
  parameters.username = values.text("username").value_or("");
  parameters.target = under_base(values.text("base").value_or(""), "/auth");
  parameters.encoding = text_encoding(values.text("encoding").value_or(""));
  parameters.formula = values.text("password_formula") == "documented" ? PasswordFormula::documented
                                                                       : PasswordFormula::web;
  parameters.two_factor = two_factor_of(values.text("two_factor").value_or(""), parameters.formula);
  parameters.random = std::move(input.random);
  return std::make_unique<KaseyaVsa9>(std::move(parameters));
}

}  // namespace

const SchemeSpec& kaseya_vsa9_scheme() {
  static constexpr SchemeSpec spec = {.name = "kaseya-vsa9",
                                      .fields = fields,
                                      .logs_in = true,
                                      .is_static = nullptr,
                                      .one_session = true,
                                      .account_fields = {"username"},
                                      .base_field = "base",
                                      .login_url_field = "",
                                      .check_path = "/echoauth",
                                      .login_paths = login_paths,
                                      .stub = vsa9_stub,
                                      .lost_session_media = LostSessionMedia::json,
                                      .session_lost = says_vsa9_session_lost,
                                      .make_editor = nullptr,
                                      .fault = fault,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
