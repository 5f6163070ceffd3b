#include "proxy/auth/schemes/http_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "proxy/auth/form.h"
#include "proxy/auth/json.h"
// After json.h, which quietens RapidJSON.
#include <rapidjson/pointer.h>

#include "proxy/auth/login_template.h"
#include "proxy/auth/media_type.h"
#include "proxy/auth/schemes/header.h"
#include "proxy/auth/schemes/http_login_answer.h"
#include "proxy/base/text.h"
#include "proxy/http/target.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::FieldType;

constexpr std::string_view login_names = "username secret";
constexpr std::array<std::string_view, 4> methods = {"POST", "GET", "PUT", "PATCH"};
constexpr std::array<std::string_view, 3> expiry_forms = {"seconds", "unix", "rfc3339"};

std::string login_template_fault(std::string_view text) {
  return template_fault(text, login_names);
}

std::string inject_fault(std::string_view text) {
  if (text.find("{{") == std::string_view::npos) return "needs {{token}} where the token goes";
  return template_fault(text, "token");
}

std::string pointer_fault(std::string_view text) {
  return rapidjson::Pointer(text.data(), text.size()).IsValid()
             ? ""
             : "must be a JSON pointer, as in /data/token (RFC 6901)";
}

std::string status_fault(std::string_view text) {
  const bool is_status = text.size() == 3 && text.front() == '4' &&
                         text.find_first_not_of("0123456789") == std::string_view::npos;
  return is_status ? "" : "must be a status from 400 to 499";
}

constexpr std::array fields = {
    base::Field{.key = "request.method",
                .type = FieldType::choice,
                .default_value = "POST",
                .choices = methods},
    base::Field{.key = "request.url", .required = true, .fault = login_template_fault},
    base::Field{.key = "request.headers", .type = FieldType::map, .fault = login_template_fault},
    base::Field{.key = "request.body", .type = FieldType::tree, .fault = login_template_fault},
    base::Field{.key = "username"},
    base::Field{.key = "secret", .type = FieldType::secret, .required = true},
    base::Field{.key = "token.pointer", .fault = pointer_fault},
    base::Field{.key = "token.header", .fault = injected_name_fault},
    base::Field{.key = "expires.pointer", .fault = pointer_fault},
    base::Field{.key = "expires.as",
                .type = FieldType::choice,
                .default_value = "seconds",
                .choices = expiry_forms},
    base::Field{.key = "expires.fixed", .type = FieldType::duration},
    base::Field{.key = "rejected_status", .type = FieldType::list, .fault = status_fault},
    base::Field{
        .key = "inject.header", .default_value = "Authorization", .fault = injected_name_fault},
    base::Field{.key = "inject.value", .default_value = "Bearer {{token}}", .fault = inject_fault},
};

enum class BodyKind { none, json, form, text };

std::string_view content_type_of(const base::FieldValues& values) {
  if (const base::TextMap* headers = values.map("request.headers")) {
    for (const auto& [name, value] : *headers) {
      if (base::equals_ignoring_case(name, "Content-Type")) return value;
    }
  }
  // A body of text alone is sent as it stands, anything else is JSON.
  const std::string_view body = values.text("request.body").value_or("");
  if (body.empty()) return "";
  return body.front() == '"' ? "text/plain; charset=utf-8" : "application/json";
}

BodyKind body_kind(const base::FieldValues& values) {
  if (values.text("request.body").value_or("").empty()) return BodyKind::none;
  const std::string_view type = media_type(content_type_of(values));
  if (base::equals_ignoring_case(type, "application/x-www-form-urlencoded")) return BodyKind::form;
  const bool is_json =
      base::equals_ignoring_case(type, "application/json") || type.ends_with("+json");
  return is_json ? BodyKind::json : BodyKind::text;
}

bool is_flat(const rapidjson::Document& body) {
  return body.IsObject() && std::all_of(body.MemberBegin(), body.MemberEnd(),
                                        [](const auto& member) { return member.value.IsString(); });
}

std::string body_fault(const base::FieldValues& values) {
  const std::string_view body = values.text("request.body").value_or("");
  const auto type = content_type_of(values);
  rapidjson::Document document;
  switch (body_kind(values)) {
    case BodyKind::none:
    case BodyKind::json:
      return "";
    case BodyKind::form:
      return parse_json(body, JsonNumbers::as_text, document) && is_flat(document)
                 ? ""
                 : "needs names and texts as request.body for a form: write {user: ..., pass: ...}";
    case BodyKind::text:
      break;
  }
  if (type.find("xml") != std::string_view::npos) {
    return "can't fill in an XML request.body: use JSON, a form or plain text";
  }
  return body.front() == '"' ? ""
                             : "needs one text as request.body for this Content-Type, or "
                               "Content-Type: application/json";
}

std::string headers_fault(const base::FieldValues& values) {
  const base::TextMap* headers = values.map("request.headers");
  if (headers == nullptr) return "";
  for (const auto& [name, value] : *headers) {
    if (const auto fault = injected_name_fault(name); !fault.empty()) {
      return fmt::format("has \"{}\" among request.headers: {}", name, fault);
    }
  }
  return "";
}

std::string fault(const base::FieldValues& values) {
  const bool by_pointer = values.text("token.pointer").has_value();
  if (by_pointer == values.text("token.header").has_value()) {
    return by_pointer ? "has both token.pointer and token.header: keep the one that the token is at"
                      : "needs token: {pointer: /path/to/it} or token: {header: NAME}";
  }
  if (values.text("expires.pointer") && values.text("expires.fixed")) {
    return "has both expires.pointer and expires.fixed: keep one";
  }
  if (auto complaint = headers_fault(values); !complaint.empty()) return complaint;
  return body_fault(values);
}

struct Parameters {
  std::string method;
  std::string target;  // with placeholders, as the others
  base::TextMap headers;
  std::string content_type;
  std::string body;  // JSON text
  BodyKind body_kind = BodyKind::none;
  std::string username;
  base::Secret secret;
  AnswerRecipe answer;
};

class HttpLogin final : public Scheme {
 public:
  explicit HttpLogin(Parameters parameters) : own_(std::move(parameters)) {}

  base::Result<Step> start(base::Time, const Credential*) override {
    LoginRequest request;
    request.method = own_.method;
    auto target = fill(own_.target, Encoding::uri, "request.url");
    if (!target) return base::fail(std::move(target.error()));
    request.target = target->reveal();
    for (const auto& [name, text] : own_.headers) {
      if (base::equals_ignoring_case(name, "Content-Type")) continue;
      auto value = fill(text, Encoding::none, "request.headers");
      if (!value) return base::fail(std::move(value.error()));
      request.fields.push_back({name, std::move(*value)});
    }
    auto body = filled_body();
    if (!body) return base::fail(std::move(body.error()));
    request.body = std::move(*body);
    request.content_type = own_.content_type;
    return Step(std::move(request));
  }

  base::Result<Step> on_response(const LoginResponse& response, base::Time now) override {
    return read_http_login(own_.answer, response, now).map([](Credential credential) -> Step {
      return credential;
    });
  }

 private:
  base::Result<base::Secret> fill(std::string_view text, Encoding encoding,
                                  std::string_view key) const {
    return fill_template(text,
                         {.username = own_.username, .secret = own_.secret.reveal(), .token = {}},
                         encoding, key);
  }

  base::Result<base::Secret> filled_body() const {
    if (own_.body_kind == BodyKind::none) return base::Secret();
    if (own_.body_kind == BodyKind::json) return fill(own_.body, Encoding::json, "request.body");
    rapidjson::Document document;
    if (!parse_json(own_.body, JsonNumbers::as_text, document)) {
      return base::fail(ErrorKind::configuration, "request.body can't be read");
    }
    if (own_.body_kind == BodyKind::text) {
      return fill({document.GetString(), document.GetStringLength()}, Encoding::none,
                  "request.body");
    }
    FormBody form;
    for (const auto& member : std::as_const(document).GetObject()) {
      const std::string_view text(member.value.GetString(), member.value.GetStringLength());
      const auto value = fill(text, Encoding::raw, "request.body");
      if (!value) return base::fail(value.error());
      form.add({member.name.GetString(), member.name.GetStringLength()}, value->reveal());
    }
    return form.take();
  }

  const Parameters own_;
};

AnswerRecipe recipe_of(const base::FieldValues& values) {
  AnswerRecipe recipe;
  recipe.token_in_body = values.text("token.pointer").has_value();
  recipe.token_pointer = values.text("token.pointer").value_or("");
  recipe.token_header = values.text("token.header").value_or("");
  if (const auto pointer = values.text("expires.pointer")) recipe.expiry_pointer = *pointer;
  const auto form = values.text("expires.as").value_or("");
  recipe.expiry_form = form == "unix"      ? ExpiryForm::unix
                       : form == "rfc3339" ? ExpiryForm::rfc3339
                                           : ExpiryForm::seconds;
  if (const auto fixed = values.text("expires.fixed")) {
    std::int64_t count = 0;
    std::from_chars(fixed->data(), fixed->data() + fixed->size(), count);
    recipe.fixed_lifetime = std::chrono::milliseconds(count);
  }
  recipe.rejected_status = {400, 401, 403};
  if (const base::TextList* list = values.list("rejected_status")) {
    recipe.rejected_status.clear();
    for (const std::string& status : *list) {
      int value = 0;
      std::from_chars(status.data(), status.data() + status.size(), value);
      recipe.rejected_status.push_back(value);
    }
  }
  recipe.inject_header = injected_field(http_login_scheme(), values);
  recipe.inject_value = values.text("inject.value").value_or("");
  return recipe;
}

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::FieldValues& values = *input.values;
  const auto url = http::parse_url(values.text("request.url").value_or(""));
  if (!url) return base::fail(ErrorKind::configuration, "request.url is not a URL");
  Parameters parameters;
  parameters.method = values.text("request.method").value_or("");
  parameters.target = url->path;
  if (const auto* headers = values.map("request.headers")) parameters.headers = *headers;
  parameters.body = values.text("request.body").value_or("");
  parameters.body_kind = body_kind(values);
  parameters.content_type = content_type_of(values);
  parameters.username = values.text("username").value_or("");
  parameters.secret = std::move(input.secrets["secret"]);
  if (parameters.secret.empty()) {
    return base::fail(ErrorKind::configuration, "the secret is empty");
  }
  parameters.answer = recipe_of(values);
  return std::make_unique<HttpLogin>(std::move(parameters));
}

}  // namespace

const SchemeSpec& http_login_scheme() {
  static constexpr SchemeSpec spec = {.name = "http_login",
                                      .fields = fields,
                                      .logs_in = true,
                                      .is_static = nullptr,
                                      .one_session = false,
                                      .account_fields = {"username"},
                                      .base_field = "",
                                      .login_url_field = "request.url",
                                      .check_path = "",
                                      .login_paths = {},
                                      .stub = nullptr,
                                      .lost_session_media = LostSessionMedia::none,
                                      .session_lost = nullptr,
                                      .name_field = "inject.header",
                                      .make_editor = nullptr,
                                      .fault = fault,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
