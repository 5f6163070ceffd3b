#include "proxy/auth/schemes/kaseya_soap.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "proxy/auth/schemes/kaseya_soap_answer.h"
#include "proxy/auth/schemes/kaseya_soap_editor.h"
#include "proxy/auth/schemes/kaseya_soap_message.h"
#include "proxy/auth/schemes/kaseya_soap_stub.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/http/target.h"
#include "proxy/routing/path_pattern.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view sha_256_name = "sha-256";
constexpr std::string_view sha_1_name = "sha-1";
constexpr std::array<std::string_view, 3> hashes = {sha_256_name, sha_1_name, "sha-256-then-sha-1"};

std::string soap_username_fault(std::string_view value) {
  if (!is_xml_text(value)) return "must not have control characters: XML can't hold them";
  return username_fault(value);
}

std::string endpoint_fault(std::string_view value) {
  constexpr std::string_view shape =
      "must be a path that begins with a slash, as in /vsaWS/KaseyaWS.asmx, without a query";
  if (value.size() < 2 || value.find_first_of("%?#") != std::string_view::npos) {
    return std::string(shape);
  }
  const auto path = http::normalize_path(value, {});
  return path && path->sent == value && value.find_first_of(" \t") == std::string_view::npos
             ? ""
             : std::string(shape);
}

std::string pattern_fault(std::string_view value) {
  const auto pattern = routing::PathPattern::parse(value);
  return pattern ? "" : pattern.error().detail;
}

constexpr std::array fields = {
    base::Field{.key = "username", .required = true, .fault = soap_username_fault},
    base::Field{.key = "password", .type = base::FieldType::secret, .required = true},
    base::Field{.key = "hash",
                .type = base::FieldType::choice,
                .default_value = sha_256_name,
                .choices = hashes},
    base::Field{.key = "endpoint",
                .type = base::FieldType::path,
                .default_value = "/vsaWS/KaseyaWS.asmx",
                .fault = endpoint_fault},
    base::Field{.key = "page_paths", .type = base::FieldType::list, .fault = pattern_fault},
    encoding_field,
};

constexpr std::array fault_status = {soap_fault_status};

struct Parameters {
  std::string username;
  std::string target;
  base::Secret password;
  TextEncoding encoding = TextEncoding::utf_8;
  PasswordHash hash = PasswordHash::sha_256;
  bool tries_both = false;
  std::function<std::uint32_t()> random;
};

PasswordHash other_than(PasswordHash hash) {
  return hash == PasswordHash::sha_256 ? PasswordHash::sha_1 : PasswordHash::sha_256;
}

std::string_view name_of(PasswordHash hash) {
  return hash == PasswordHash::sha_256 ? sha_256_name : sha_1_name;
}

class KaseyaSoap final : public Scheme {
 public:
  explicit KaseyaSoap(Parameters parameters) : parameters_(std::move(parameters)) {}

  base::Result<Step> start(base::Time, const Credential* former) override {
    hash_ = parameters_.hash;
    // The one that was taken before: a rejection of the other would count.
    if (parameters_.tries_both && former != nullptr && former->renewal.reveal() == sha_1_name) {
      hash_ = PasswordHash::sha_1;
    }
    return login().map([](LoginRequest request) -> Step { return request; });
  }

  base::Result<Step> on_response(const LoginResponse& response, base::Time) override {
    SoapLoginOutcome outcome = read_soap_login(response);
    if (outcome.credential) {
      if (parameters_.tries_both) outcome.credential->renewal = base::Secret(name_of(hash_));
      return Step(*std::move(outcome.credential));
    }
    if (!parameters_.tries_both || has_tried_other_ || !outcome.may_be_hash) {
      return base::fail(std::move(outcome.credential.error()));
    }
    has_tried_other_ = true;
    hash_ = other_than(hash_);
    return login().map([](LoginRequest request) -> Step {
      request.second_try = true;
      return request;
    });
  }

 private:
  base::Result<LoginRequest> login() const {
    const Parameters& own = parameters_;
    const auto username = encode_text(own.username, own.encoding, "username");
    if (!username) return tl::unexpected(username.error());
    const auto password = encode_text(own.password.reveal(), own.encoding, "password");
    if (!password) return tl::unexpected(password.error());
    if (strip(password->reveal()).empty()) {
      return base::fail(base::ErrorKind::configuration, "the password is empty");
    }
    const std::string digits = eight_digits(own.random());
    LoginRequest request;
    request.method = "POST";
    request.target = own.target;
    request.fields.push_back({"SOAPAction", base::Secret("\"KaseyaWS/Authenticate\"")});
    request.fields.push_back({"Accept", base::Secret(soap_1_1_type)});
    request.content_type = soap_content_type(SoapVersion::v1_1);
    request.body = soap_login_message({.username = strip(own.username),
                                       .hashed_username = hashed_username(username->reveal()),
                                       .password = strip(password->reveal()),
                                       .random = digits,
                                       .hash = hash_});
    return request;
  }

  Parameters parameters_;
  PasswordHash hash_ = PasswordHash::sha_256;
  bool has_tried_other_ = false;
};

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::FieldValues& values = *input.values;
  const auto password = input.secrets.find("password");
  if (password == input.secrets.end()) {
    return base::fail(base::ErrorKind::configuration, "there is no password to log in with");
  }
  const std::string_view hash = values.text("hash").value_or("");
  Parameters parameters;
  parameters.password = std::move(password->second);
  parameters.username = values.text("username").value_or("");
  parameters.target = values.text("endpoint").value_or("");
  parameters.encoding = text_encoding(values.text("encoding").value_or(""));
  parameters.hash = hash == sha_1_name ? PasswordHash::sha_1 : PasswordHash::sha_256;
  parameters.tries_both = hash != sha_1_name && hash != sha_256_name;
  parameters.random = std::move(input.random);
  return std::make_unique<KaseyaSoap>(std::move(parameters));
}

}  // namespace

base::Secret soap_login_message(const SoapLogin& login) {
  std::string covered =
      covered_password(login.hash, login.password, login.hashed_username, login.random);
  std::string operation = fmt::format(
      "<Authenticate xmlns=\"{}\"><req><UserName>{}</UserName>"
      "<CoveredPassword>{}</CoveredPassword><RandomNumber>{}</RandomNumber>"
      "<BrowserIP>127.0.0.1</BrowserIP><HashingAlgorithm>{}</HashingAlgorithm></req>"
      "</Authenticate>",
      kaseya_space, xml_escape(login.username), covered, login.random,
      login.hash == PasswordHash::sha_256 ? "SHA-256" : "SHA-1");
  base::Secret message = base::Secret::take(soap_envelope(SoapVersion::v1_1, operation));
  base::wipe(covered);
  base::wipe(operation);
  return message;
}

const SchemeSpec& kaseya_soap_scheme() {
  static constexpr SchemeSpec spec = {.name = "kaseya-soap",
                                      .fields = fields,
                                      .logs_in = true,
                                      .is_static = nullptr,
                                      .one_session = true,
                                      .account_fields = {"username"},
                                      .base_field = "",
                                      .login_url_field = "",
                                      .check_path = "",
                                      .login_paths = {},
                                      .stub = soap_stub,
                                      .lost_session_media = LostSessionMedia::xml,
                                      .lost_session_statuses = fault_status,
                                      .session_lost = says_soap_session_lost,
                                      .make_editor = make_kaseya_soap_editor,
                                      .fault = nullptr,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
