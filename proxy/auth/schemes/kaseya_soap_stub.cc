#include "proxy/auth/schemes/kaseya_soap_stub.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "proxy/auth/schemes/kaseya_soap_message.h"
#include "proxy/auth/schemes/kaseya_vsa9_stub.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

// Of the endpoint that was asked; a path that hides its letters is the first one's.
std::string_view space_of(std::string_view target) {
  const std::string path = base::lower(target.substr(0, target.find('?')));
  return path.find(base::lower(service_desk_file)) == std::string::npos ? kaseya_space
                                                                        : service_desk_space;
}

// All members, also where they are empty: some clients take each for granted.
std::string members(std::string_view method, std::string_view failure) {
  std::string reason(failure);
  std::replace_if(
      reason.begin(), reason.end(),
      [](char c) {
        return !is_xml_text({&c, 1});
      },
      ' ');
  return fmt::format(
      "<SessionID>{}</SessionID><Method>{}</Method><TransactionID>1</TransactionID>"
      "<ErrorMessage>{}</ErrorMessage><ErrorLocation>{}</ErrorLocation>",
      reason.empty() ? kaseya_placeholder : "0", method, xml_escape(reason),
      reason.empty() ? "" : "vsaproxy");
}

}  // namespace

LocalAnswer soap_stub(const StubRequest& request) {
  constexpr std::string_view primitive = "Primitive";
  const std::string_view operation = request.operation;
  const std::string_view space = space_of(request.path);
  const std::string_view method =
      is_primitive(operation) ? operation.substr(primitive.size()) : operation;
  std::string result = members(method, request.failure);
  // In a string, as a document of its own.
  if (is_primitive(operation)) {
    result = xml_escape(fmt::format("<{0}Response>{1}</{0}Response>", method, result));
  }
  if (request.method != "POST" || !is_soap_type(request.content_type)) {
    return {200, soap_content_type(SoapVersion::v1_1),
            fmt::format(R"(<?xml version="1.0" encoding="utf-8"?><string xmlns="{}">{}</string>)",
                        space, result)};
  }
  const SoapVersion version = soap_version(request.content_type);
  return {200, soap_content_type(version),
          soap_envelope(
              version,
              fmt::format(R"(<{0}Response xmlns="{1}"><{0}Result>{2}</{0}Result></{0}Response>)",
                          operation, space, result))};
}

}  // namespace vsaproxy::auth
