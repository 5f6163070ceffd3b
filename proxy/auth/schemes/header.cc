#include "proxy/auth/schemes/header.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/auth/schemes/static_scheme.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

constexpr std::array fields = {
    base::Field{.key = "name", .required = true, .fault = injected_name_fault},
    base::Field{.key = "value", .type = base::FieldType::secret, .required = true},
};

constexpr bool is_token_character(char c) {
  const bool letter = base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z';
  const bool digit = c >= '0' && c <= '9';
  return letter || digit || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 9110, 5.5, without white space at the ends. Bytes above 0x7F are opaque but legal.
constexpr bool is_value_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7F);
}

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const auto found = input.secrets.find("value");
  const std::string_view value =
      found == input.secrets.end() ? std::string_view() : base::trim(found->second.reveal());
  if (value.empty()) {
    return base::fail(base::ErrorKind::configuration, "the value of the header is empty");
  }
  if (!std::all_of(value.begin(), value.end(), is_value_character)) {
    return base::fail(
        base::ErrorKind::configuration,
        "the value of the header has a line break or another control byte: it must be "
        "one line of text");
  }
  Credential credential;
  credential.fields.push_back(
      {std::string(injected_field(header_scheme(), *input.values)), base::Secret(value)});
  return std::make_unique<StaticScheme>(std::move(credential));
}

}  // namespace

const SchemeSpec& header_scheme() {
  static constexpr SchemeSpec spec = {.name = "header",
                                      .fields = fields,
                                      .logs_in = false,
                                      .is_static = nullptr,
                                      .one_session = false,
                                      .account_fields = {},
                                      .base_field = "",
                                      .login_url_field = "",
                                      .check_path = "",
                                      .login_paths = {},
                                      .stub = nullptr,
                                      .lost_session_media = LostSessionMedia::none,
                                      .session_lost = nullptr,
                                      .name_field = "name",
                                      .make_editor = nullptr,
                                      .fault = nullptr,
                                      .make = make};
  return spec;
}

std::string injected_name_fault(std::string_view name) {
  // RFC 9110, 7.6.1, and what decides framing or routing.
  constexpr std::array<std::string_view, 13> reserved = {"Connection",
                                                         "Content-Length",
                                                         "Expect",
                                                         "Host",
                                                         "HTTP2-Settings",
                                                         "Keep-Alive",
                                                         "Trailer",
                                                         "Proxy-Connection",
                                                         "TE",
                                                         "Upgrade",
                                                         "Proxy-Authorization",
                                                         "Via",
                                                         "Transfer-Encoding"};
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) {
    return "not a field name: use letters, digits and hyphens, as in X-Api-Key";
  }
  const bool is_reserved = std::any_of(reserved.begin(), reserved.end(), [name](auto other) {
    return base::equals_ignoring_case(name, other);
  });
  return is_reserved
             ? "this field belongs to the connection or the message's framing: name the one "
               "that the API reads its key from"
             : "";
}

}  // namespace vsaproxy::auth
