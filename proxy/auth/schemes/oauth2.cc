#include "proxy/auth/schemes/oauth2.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/form.h"
#include "proxy/base/text.h"
#include "proxy/http/target.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::FieldType;

constexpr std::array<std::string_view, 3> grants = {"client_credentials", "password",
                                                    "refresh_token"};
constexpr std::array<std::string_view, 2> client_auths = {"basic", "body"};

std::string scope_fault(std::string_view scope) {
  // RFC 6749, 3.3.
  const bool is_token = std::all_of(scope.begin(), scope.end(), [](char c) {
    return c > ' ' && c < '\x7F' && c != '"' && c != '\\';
  });
  return is_token ? "" : "a scope has no spaces, quotes or backslashes: write one entry for each";
}

constexpr std::array fields = {
    base::Field{.key = "grant",
                .type = FieldType::choice,
                .default_value = "client_credentials",
                .choices = grants},
    base::Field{.key = "token_url", .required = true},
    base::Field{.key = "client_id", .required = true},
    base::Field{.key = "client_secret", .type = FieldType::secret},
    base::Field{.key = "client_auth",
                .type = FieldType::choice,
                .default_value = "basic",
                .choices = client_auths},
    base::Field{.key = "scopes", .type = FieldType::list, .fault = scope_fault},
    base::Field{.key = "params", .type = FieldType::map},
    base::Field{.key = "username"},
    base::Field{.key = "password", .type = FieldType::secret},
    base::Field{.key = "refresh_token", .type = FieldType::secret},
};

// What the scheme itself sends: of two of the same name a server might take either.
std::string reserved_param(const base::FieldValues& values) {
  constexpr std::array<std::string_view, 7> reserved = {
      "grant_type", "client_id", "client_secret", "scope", "username", "password", "refresh_token"};
  const base::TextMap* params = values.map("params");
  if (params == nullptr) return "";
  for (const auto& param : *params) {
    const std::string& name = param.first;
    const bool is_own = std::any_of(reserved.begin(), reserved.end(), [&name](auto own) {
      return base::equals_ignoring_case(name, own);
    });
    if (is_own) return name;
  }
  return "";
}

// The keys that this grant can't do without, and those that only other grants read.
std::string grant_fault(const base::FieldValues& values, std::string_view grant) {
  struct Use {
    std::string_view key, grant;
    bool is_written;
  };
  const std::array uses = {
      Use{"username", "password", values.text("username").has_value()},
      Use{"password", "password", values.secret("password") != nullptr},
      Use{"refresh_token", "refresh_token", values.secret("refresh_token") != nullptr},
  };
  for (const Use& use : uses) {
    if (use.grant == grant && !use.is_written) {
      return fmt::format("needs {} for grant: {}", use.key, grant);
    }
    if (use.grant != grant && use.is_written) {
      return fmt::format("has {}, which only grant: {} reads: remove it, or change the grant",
                         use.key, use.grant);
    }
  }
  const bool has_secret = values.secret("client_secret") != nullptr;
  return grant == "client_credentials" && !has_secret
             ? "needs client_secret for grant: client_credentials"
             : "";
}

std::string fault(const base::FieldValues& values) {
  if (const std::string name = reserved_param(values); !name.empty()) {
    return fmt::format("has \"{}\" among its params, which has a key of its own", name);
  }
  return grant_fault(values, values.text("grant").value_or(""));
}

struct Parameters {
  std::string grant;
  std::string target;
  std::string client_id;
  std::string username;
  std::string scope;
  base::TextMap params;
  base::Secret client_secret;
  base::Secret password;
  base::Secret refresh_token;
  bool client_in_body = false;
};

class OAuth2 final : public Scheme {
 public:
  explicit OAuth2(Parameters parameters) : own_(std::move(parameters)) {}

  base::Result<Step> start(base::Time, const Credential* former) override {
    if (former == nullptr || former->renewal.empty()) return whole_login();
    former_refresh_token_ = former->renewal;
    return request("refresh_token", former_refresh_token_, false);
  }

  base::Result<Step> on_response(const LoginResponse& response, base::Time now) override {
    auto credential = read_oauth2_answer(response, now);
    const bool is_refused =
        !credential && credential.error().kind == base::ErrorKind::login_rejected;
    // A refresh token may have ended while its session did (RFC 6749, 5.2): one whole login.
    if (is_refused && !former_refresh_token_.empty()) {
      const bool is_same = former_refresh_token_ == own_.refresh_token;
      former_refresh_token_ = {};
      if (!is_same) return whole_login();
    }
    if (!credential) return base::fail(std::move(credential.error()));
    // RFC 6749, 6: without a new one the old one stays.
    if (credential->renewal.empty()) {
      credential->renewal =
          former_refresh_token_.empty() ? own_.refresh_token : former_refresh_token_;
    }
    return Step(std::move(*credential));
  }

 private:
  base::Result<Step> whole_login() { return request(own_.grant, own_.refresh_token, true); }

  base::Result<Step> request(std::string_view grant, const base::Secret& refresh_token,
                             bool spends_budget) const {
    FormBody body;
    body.add("grant_type", grant);
    if (grant == "password") {
      body.add("username", own_.username).add("password", own_.password.reveal());
    } else if (grant == "refresh_token") {
      body.add("refresh_token", refresh_token.reveal());
    }
    if (!own_.scope.empty()) body.add("scope", own_.scope);
    for (const auto& [name, value] : own_.params) body.add(name, value);
    LoginRequest request;
    request.method = "POST";
    request.target = own_.target;
    request.fields.push_back({"Accept", base::Secret("application/json")});
    if (own_.client_in_body || own_.client_secret.empty()) {
      body.add("client_id", own_.client_id);
      if (!own_.client_secret.empty()) body.add("client_secret", own_.client_secret.reveal());
    } else {
      request.fields.push_back({"Authorization", client_authorization()});
    }
    request.body = body.take();
    request.content_type = "application/x-www-form-urlencoded";
    request.spends_budget = spends_budget;
    return Step(std::move(request));
  }

  // RFC 6749, 2.3.1: both are form-encoded before they are joined.
  base::Secret client_authorization() const {
    std::string secret = form_encode(own_.client_secret.reveal());
    std::string pair = fmt::format("{}:{}", form_encode(own_.client_id), secret);
    base::Secret value = basic_authorization(pair);
    base::wipe(pair);
    base::wipe(secret);
    return value;
  }

  const Parameters own_;
  base::Secret former_refresh_token_;  // sent, and not answered yet
};

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::FieldValues& values = *input.values;
  const auto text = [&values](std::string_view key) {
    return std::string(values.text(key).value_or(""));
  };
  for (const auto& [key, secret] : input.secrets) {
    if (secret.empty()) {
      return base::fail(ErrorKind::configuration, fmt::format("the {} is empty", key));
    }
  }
  const auto url = http::parse_url(text("token_url"));
  if (!url) return base::fail(ErrorKind::configuration, "token_url is not a URL");
  Parameters parameters;
  parameters.grant = text("grant");
  parameters.target = url->path;
  parameters.client_id = text("client_id");
  parameters.username = text("username");
  if (const base::TextList* scopes = values.list("scopes")) {
    parameters.scope = fmt::format("{}", fmt::join(*scopes, " "));
  }
  if (const base::TextMap* params = values.map("params")) parameters.params = *params;
  parameters.client_secret = std::move(input.secrets["client_secret"]);
  parameters.password = std::move(input.secrets["password"]);
  parameters.refresh_token = std::move(input.secrets["refresh_token"]);
  parameters.client_in_body = text("client_auth") == "body";
  return std::make_unique<OAuth2>(std::move(parameters));
}

}  // namespace

const SchemeSpec& oauth2_scheme() {
  static constexpr SchemeSpec spec = {.name = "oauth2",
                                      .fields = fields,
                                      .logs_in = true,
                                      .is_static = nullptr,
                                      .one_session = false,
                                      .account_fields = {"username", "client_id"},
                                      .base_field = "",
                                      .login_url_field = "token_url",
                                      .check_path = "",
                                      .login_paths = {},
                                      .stub = nullptr,
                                      .lost_session_media = LostSessionMedia::none,
                                      .session_lost = nullptr,
                                      .make_editor = nullptr,
                                      .fault = fault,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
