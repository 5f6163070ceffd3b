#include "tests/simulator/soap_message.h"

#include <fmt/format.h>

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view declaration = R"(<?xml version="1.0" encoding="utf-8"?>)";

std::string_view envelope_space(SoapVersion version) {
  return version == SoapVersion::v12 ? "http://www.w3.org/2003/05/soap-envelope"
                                     : "http://schemas.xmlsoap.org/soap/envelope/";
}

std::string_view media_type_of(const std::string& field) {
  return without_white_space(std::string_view(field).substr(0, field.find(';')));
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return text;
}

// The action parameter of a SOAP 1.2 content type (RFC 3902); empty: there is none.
std::string_view action_parameter(std::string_view content_type) {
  while (true) {
    const auto semicolon = content_type.find(';');
    if (semicolon == std::string_view::npos) return {};
    content_type.remove_prefix(semicolon + 1);
    const std::string_view parameter =
        without_white_space(content_type.substr(0, content_type.find(';')));
    const auto equals = parameter.find('=');
    if (equals != std::string_view::npos &&
        equals_ignoring_case(parameter.substr(0, equals), "action")) {
      return without_quotes(parameter.substr(equals + 1));
    }
  }
}

// 1.1 has to name the action in a field, 1.2 may name it in the content type.
bool names_action(const Request& request, SoapVersion version, std::string_view action) {
  if (version == SoapVersion::v12) {
    const std::string_view named = action_parameter(*request.head.field("Content-Type"));
    return named.empty() || named == action;
  }
  const std::string* field = request.head.field("SOAPAction");
  return field != nullptr && without_quotes(*field) == action;
}

bool is_envelope(const XmlElement& root, SoapVersion version) {
  const std::string_view space = envelope_space(version);
  if (root.space != space || root.name != "Envelope" || root.count(space, "Body") != 1)
    return false;
  return root.child(space, "Body")->children.size() == 1;
}

}  // namespace

const XmlElement& SoapCall::operation() const {
  return envelope.child(envelope_space(version), "Body")->children.front();
}

tl::expected<SoapCall, Answer> parse_soap_call(const Request& request, std::string_view space) {
  const std::string* type = request.head.field("Content-Type");
  SoapCall call;
  if (type != nullptr && equals_ignoring_case(media_type_of(*type), "application/soap+xml")) {
    call.version = SoapVersion::v12;
  } else if (type == nullptr || !equals_ignoring_case(media_type_of(*type), "text/xml")) {
    return tl::unexpected(Answer{.status = 415});
  }
  auto root = request.body.size() == request.body_bytes
                  ? parse_xml(request.body)
                  : tl::unexpected<std::string>("the message is too long");
  if (!root) {
    return tl::unexpected(
        soap_fault(call.version, "Server was unable to read request. " + root.error()));
  }
  if (!is_envelope(*root, call.version)) {
    return tl::unexpected(soap_fault(call.version,
                                     "Possible SOAP version mismatch: no envelope "
                                     "with one call was expected as " +
                                         std::string(envelope_space(call.version))));
  }
  call.envelope = std::move(*root);
  const std::string action = fmt::format("{}/{}", space, call.operation().name);
  if (call.operation().space != space || !names_action(request, call.version, action)) {
    return tl::unexpected(soap_fault(
        call.version, "Server did not recognize the value of HTTP Header SOAPAction, or its call"));
  }
  return call;
}

Answer soap_answer(SoapVersion version, std::string_view body) {
  const bool is_new = version == SoapVersion::v12;
  Answer answer{.fields = {{"Cache-Control", "private, max-age=0"},
                           {"Content-Type", is_new ? "application/soap+xml; charset=utf-8"
                                                   : "text/xml; charset=utf-8"}}};
  if (version == SoapVersion::http_get) {
    answer.body = fmt::format("{}\r\n{}", declaration, body);
    return answer;
  }
  answer.body = fmt::format(
      R"({}<soap:Envelope xmlns:soap="{}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" )"
      R"(xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soap:Body>{}</soap:Body></soap:Envelope>)",
      declaration, envelope_space(version), body);
  return answer;
}

Answer soap_fault(SoapVersion version, std::string_view text) {
  if (version == SoapVersion::http_get) {
    return {.status = 500,
            .fields = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = std::string(text)};
  }
  Answer answer = soap_answer(
      version, version == SoapVersion::v12
                   ? fmt::format("<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value>"
                                 "</soap:Code><soap:Reason><soap:Text xml:lang=\"en\">{}"
                                 "</soap:Text></soap:Reason><detail /></soap:Fault>",
                                 xml_text(text))
                   : fmt::format("<soap:Fault><faultcode>soap:Client</faultcode><faultstring>{}"
                                 "</faultstring><detail /></soap:Fault>",
                                 xml_text(text)));
  answer.status = 500;
  return answer;
}

}  // namespace vsaproxy::simulator
