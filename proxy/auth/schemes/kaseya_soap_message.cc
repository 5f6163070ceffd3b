#include "proxy/auth/schemes/kaseya_soap_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/auth/media_type.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {

bool is_soap_space(std::string_view space) {
  return space == soap_1_1_space || space == soap_1_2_space;
}

bool is_vsa_space(std::string_view space) {
  return space == kaseya_space || space == service_desk_space;
}

bool is_soap_type(std::string_view content_type) {
  const std::string_view type = media_type(content_type);
  return base::equals_ignoring_case(type, soap_1_1_type) ||
         base::equals_ignoring_case(type, soap_1_2_type);
}

SoapVersion soap_version(std::string_view content_type) {
  return base::equals_ignoring_case(media_type(content_type), soap_1_2_type) ? SoapVersion::v1_2
                                                                             : SoapVersion::v1_1;
}

std::string soap_content_type(SoapVersion version) {
  return fmt::format("{}; charset=utf-8",
                     version == SoapVersion::v1_1 ? soap_1_1_type : soap_1_2_type);
}

std::string_view login_operation(std::string_view operation) {
  constexpr std::array<std::string_view, 4> logins = {
      "Authenticate", "AuthenticateWithAppSessionID", "PrimitiveAuthenticate",
      "PrimitiveAuthenticateWithAppSessionID"};
  const auto found = std::find_if(logins.begin(), logins.end(), [operation](auto login) {
    return base::equals_ignoring_case(login, operation);
  });
  return found == logins.end() ? std::string_view() : *found;
}

bool is_primitive(std::string_view operation) {
  return base::starts_with_ignoring_case(operation, "Primitive");
}

std::string soap_envelope(SoapVersion version, std::string_view content) {
  return fmt::format(
      R"(<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{}"><soap:Body>{}</soap:Body></soap:Envelope>)",
      version == SoapVersion::v1_1 ? soap_1_1_space : soap_1_2_space, content);
}

}  // namespace vsaproxy::auth
