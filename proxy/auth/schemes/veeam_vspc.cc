#include "proxy/auth/schemes/veeam_vspc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/auth/login_answer.h"
#include "proxy/auth/rsa_key.h"
#include "proxy/auth/schemes/base_path.h"
#include "proxy/auth/schemes/static_scheme.h"
#include "proxy/auth/schemes/veeam_vspc_answer.h"
#include "proxy/auth/schemes/veeam_vspc_calls.h"
#include "proxy/auth/schemes/veeam_vspc_stub.h"
#include "proxy/auth/totp.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::FieldType;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 3> apis = {"v3", "v2", "v1"};
constexpr std::array<std::string_view, 3> grants = {"auto", "public_key", "private_key"};

constexpr std::array fields = {
    base::Field{.key = "api_key", .type = FieldType::secret},
    base::Field{.key = "username"},
    base::Field{.key = "password", .type = FieldType::secret},
    base::Field{.key = "totp", .type = FieldType::secret},
    base::Field{.key = "private_key", .type = FieldType::secret},
    base::Field{.key = "base", .type = FieldType::path, .fault = base_path_fault},
    base::Field{.key = "api", .type = FieldType::choice, .default_value = "v3", .choices = apis},
    base::Field{
        .key = "grant", .type = FieldType::choice, .default_value = "auto", .choices = grants},
};

// A tool may log in as another version does than the one that is configured: in the API of 3.6
// and 3.5.1 under the base, or where those have it when the base is another one; in the vendor's
// sample code at the root.
constexpr auto login = LoginCall::login;
constexpr std::array login_paths = {
    LoginPath{"POST", "/token"},
    LoginPath{"POST", "/authentication/usernamepassword"},
    LoginPath{"POST", "/authentication/refresh"},
    LoginPath{"POST", "/authentication/asymmetricalgorithm"},
    LoginPath{"PATCH", "/authentication/asymmetricalgorithm"},
    LoginPath{"POST", "/tokens/asymmetricalgorithm"},
    LoginPath{"PATCH", "/tokens/asymmetricalgorithm"},
    LoginPath{"DELETE", "/users/{}/tokens", LoginCall::logout},
    LoginPath{"POST", "/tokens/asymmetricalgorithm", login, true},
    LoginPath{"PATCH", "/tokens/asymmetricalgorithm", login, true},
    LoginPath{"POST", "/api/v3/token", login, true},
    LoginPath{"POST", "/api/v3/authentication/usernamepassword", login, true},
    LoginPath{"POST", "/api/v3/authentication/refresh", login, true},
    LoginPath{"POST", "/api/v3/authentication/asymmetricalgorithm", login, true},
    LoginPath{"PATCH", "/api/v3/authentication/asymmetricalgorithm", login, true},
    LoginPath{"DELETE", "/api/v3/users/{}/tokens", LoginCall::logout, true},
};

std::string_view default_base(const base::FieldValues& values) {
  return values.text("api") == "v1" ? "" : "/api/v3";
}

VspcApi api_of(const base::FieldValues& values) {
  const auto api = values.text("api").value_or("");
  if (api == "v1") return VspcApi::v1;
  return api == "v2" ? VspcApi::v2 : VspcApi::v3;
}

bool is_static(const base::FieldValues& values) { return values.secret("api_key") != nullptr; }

// A key that another way to log in reads.
std::string surplus_fault(const base::FieldValues& values) {
  const VspcApi api = api_of(values);
  const bool has_password = values.secret("password") != nullptr;
  const bool has_key = values.secret("private_key") != nullptr;
  if (!has_password && values.text("username")) {
    return "has a username, which only a login with password reads: remove it";
  }
  if (values.secret("totp") != nullptr && !(has_password && api == VspcApi::v3)) {
    return "has totp, which only a login with password and api: v3 reads: remove it";
  }
  if (values.text("grant").value_or("auto") != "auto" && !(has_key && api == VspcApi::v3)) {
    return "has grant, which only a login with private_key and api: v3 reads: remove it";
  }
  return "";
}

std::string fault(const base::FieldValues& values) {
  constexpr std::array<std::string_view, 3> ways = {"api_key", "password", "private_key"};
  const auto count = std::count_if(ways.begin(), ways.end(), [&values](std::string_view way) {
    return values.secret(way) != nullptr;
  });
  if (count == 0) return "needs api_key, or username and password, or private_key";
  if (count > 1) return "has more than one of api_key, password and private_key: keep one";
  if (values.secret("password") != nullptr) {
    if (values.text("username").value_or("").empty()) return "needs username for its password";
    if (api_of(values) == VspcApi::v1) {
      return "has a password, which api: v1 does not log in with: write api: v3, or api: v2 for a "
             "server before 3.6";
    }
  }
  return surplus_fault(values);
}

struct Parameters {
  std::string username;
  base::Secret password;
  base::Secret totp;
  std::optional<RsaKey> key;  // logs in with it, else with the password
  VspcApi api = VspcApi::v3;
  std::optional<VspcGrant> grant;  // nullopt: whichever the server knows
};

class VeeamVspc final : public Scheme {
 public:
  VeeamVspc(Parameters parameters, VspcCalls calls)
      : own_(std::move(parameters)), calls_(std::move(calls)) {}

  base::Result<Step> start(base::Time, const Credential* former) override {
    if (former != nullptr) memory_ = VspcMemory::read(former->renewal.reveal());
    if (own_.grant) memory_.grant = *own_.grant;
    if (memory_.refresh_token.empty() || own_.api == VspcApi::v1) return whole_login();
    sent_ = Sent::refresh;
    return Step(calls_.refresh(memory_.refresh_token));
  }

  base::Result<Step> on_response(const LoginResponse& response, base::Time now) override {
    if (sent_ == Sent::key && may_change_grant_ && is_unknown_grant(response)) {
      may_change_grant_ = false;
      memory_.grant =
          memory_.grant == VspcGrant::public_key ? VspcGrant::private_key : VspcGrant::public_key;
      return ask_for_challenge();
    }
    auto answer = read_vspc_answer(own_.api, response, now, advice());
    if (!answer) return on_error(std::move(answer.error()), response);
    if (auto* credential = std::get_if<Credential>(&*answer)) {
      return finish(std::move(*credential));
    }
    // A refresh that is answered with another step wants the whole login.
    if (sent_ == Sent::refresh) return whole_login();
    if (const auto* mfa = std::get_if<VspcMfa>(&*answer)) return send_code(*mfa, response);
    return solve(std::get<VspcChallenge>(*answer), response);
  }

  base::Result<Step> next_code() override {
    code_time_ += totp_step - code_time_.time_since_epoch() % totp_step;
    return code_request();
  }

 private:
  enum class Sent { nothing, refresh, password, code, key, solution };

  base::Result<Step> whole_login() {
    memory_.refresh_token = {};
    if (own_.key) {
      may_change_grant_ = own_.api == VspcApi::v3 && !own_.grant;
      return ask_for_challenge();
    }
    sent_ = Sent::password;
    return Step(calls_.password(own_.username, own_.password));
  }

  base::Result<Step> ask_for_challenge() {
    sent_ = Sent::key;
    return Step(calls_.challenge(own_.key->public_xml(), memory_.grant));
  }

  base::Result<Step> on_error(base::Error error, const LoginResponse& response) {
    constexpr seconds longest_challenge{30};
    if (error.kind != ErrorKind::login_rejected) return base::fail(std::move(error));
    if (sent_ == Sent::refresh) return whole_login();
    if (sent_ == Sent::solution && server_time(response) - challenged_at_ >= longest_challenge) {
      return base::fail(ErrorKind::login_unavailable,
                        "the server's challenge had ended when its solution arrived: lower "
                        "login_timeout, or look at the way to the server");
    }
    return base::fail(std::move(error));
  }

  base::Result<Step> send_code(const VspcMfa& mfa, const LoginResponse& response) {
    if (sent_ != Sent::password) return out_of_turn();
    if (own_.totp.empty()) {
      return base::fail(ErrorKind::login_rejected,
                        own_.api == VspcApi::v3
                            ? "the account needs a one-time code: give its key as totp, or use an "
                              "api_key"
                            : "the account needs a one-time code, which only api: v3 can send");
    }
    mfa_token_ = mfa.token;
    code_time_ = server_time(response);
    sent_ = Sent::code;
    return code_request();
  }

  base::Result<Step> code_request() const {
    const auto code = totp_code(own_.totp.reveal(), code_time_);
    if (!code) return base::fail(code.error());
    LoginRequest request = calls_.one_time_code(mfa_token_, *code);
    const auto since = code_time_.time_since_epoch();
    request.code = CodeTime{since / totp_step, totp_step - since % totp_step};
    return Step(std::move(request));
  }

  base::Result<Step> solve(const VspcChallenge& challenge, const LoginResponse& response) {
    if (sent_ != Sent::key) return out_of_turn();
    const auto plain = own_.key->decrypt(challenge.ciphertext.reveal());
    if (!plain) return base::fail(plain.error());
    challenged_at_ = server_time(response);
    sent_ = Sent::solution;
    return Step(calls_.solution(*plain));
  }

  base::Result<Step> out_of_turn() const {
    return base::fail(ErrorKind::malformed,
                      "the server asked for a step that does not belong to this login");
  }

  base::Result<Step> finish(Credential credential) {
    // RFC 6749, 6: without a new one the old one stays.
    if (!credential.renewal.empty()) memory_.refresh_token = std::move(credential.renewal);
    credential.renewal = memory_.write();
    return Step(std::move(credential));
  }

  std::string_view advice() const {
    switch (sent_) {
      case Sent::code:
        return "the one-time code was refused: check totp";
      case Sent::key:
        return "check that the public half of private_key is assigned to a user who may log in";
      case Sent::solution:
        return "check private_key, and that its user may log in";
      default:
        return "check username and password, and that the account may use the REST API";
    }
  }

  const Parameters own_;
  const VspcCalls calls_;
  VspcMemory memory_;
  Sent sent_ = Sent::nothing;
  bool may_change_grant_ = false;
  sys_seconds challenged_at_{};
  base::Secret mfa_token_;
  sys_seconds code_time_{};  // by the server's clock
};

tl::unexpected<base::Error> unusable(std::string detail) {
  return base::fail(ErrorKind::configuration, std::move(detail));
}

base::Result<std::unique_ptr<Scheme>> make_static(const base::Secret& key) {
  auto credential = bearer_credential(key.reveal());
  if (!credential) {
    return unusable(
        "the api_key has a space, a line break or another character that no key has: copy it "
        "again");
  }
  return std::make_unique<StaticScheme>(std::move(*credential));
}

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::FieldValues& values = *input.values;
  for (const auto& [key, secret] : input.secrets) {
    if (secret.empty()) return unusable(fmt::format("the {} is empty", key));
  }
  if (is_static(values)) return make_static(input.secrets["api_key"]);
  Parameters parameters;
  parameters.api = api_of(values);
  const auto grant = values.text("grant").value_or("auto");
  if (grant != "auto") {
    parameters.grant = grant == "public_key" ? VspcGrant::public_key : VspcGrant::private_key;
  }
  parameters.username = values.text("username").value_or("");
  parameters.password = std::move(input.secrets["password"]);
  parameters.totp = std::move(input.secrets["totp"]);
  if (values.secret("private_key") != nullptr) {
    auto key = RsaKey::parse(input.secrets["private_key"].reveal());
    if (!key) return base::fail(std::move(key.error()));
    parameters.key = std::move(*key);
  }
  if (!parameters.totp.empty()) {
    if (const auto code = totp_code(parameters.totp.reveal(), {}); !code) {
      return base::fail(code.error());
    }
  }
  const auto base = values.text("base").value_or(default_base(values));
  VspcCalls calls(parameters.api, std::string(base), std::move(input.random));
  return std::make_unique<VeeamVspc>(std::move(parameters), std::move(calls));
}

}  // namespace

const SchemeSpec& veeam_vspc_scheme() {
  static constexpr SchemeSpec spec = {.name = "veeam-vspc",
                                      .fields = fields,
                                      .logs_in = true,
                                      .is_static = is_static,
                                      .one_session = true,
                                      .account_fields = {"username"},
                                      .base_field = "base",
                                      .default_base = default_base,
                                      .login_url_field = "",
                                      .check_path = "/users/me",
                                      .login_paths = login_paths,
                                      .stub = vspc_stub,
                                      .lost_session_media = LostSessionMedia::none,
                                      .session_lost = nullptr,
                                      .make_editor = nullptr,
                                      .fault = fault,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
