#include "tests/simulator/soap_wsdl.h"

#include <fmt/format.h>

#include <array>

namespace vsaproxy::simulator {
namespace {

constexpr auto tail = std::to_array<SoapField>({{"Method", "s:string"},
                                                {"TransactionID", "s:decimal"},
                                                {"ErrorMessage", "s:string"},
                                                {"ErrorLocation", "s:string"}});

std::string field(const SoapField& field) {
  const bool is_required = field.type == "s:decimal" || field.type == "s:int";
  return fmt::format("<s:element minOccurs=\"{}\" maxOccurs=\"1\" name=\"{}\" type=\"{}\"/>\n",
                     is_required ? 1 : 0, field.name, field.type);
}

std::string extension(std::string_view name, std::string_view base,
                      std::span<const SoapField> fields, std::span<const SoapField> more) {
  std::string sequence;
  for (const SoapField& each : fields) sequence += field(each);
  for (const SoapField& each : more) sequence += field(each);
  return fmt::format(
      "<s:complexType name=\"{}\"><s:complexContent mixed=\"false\"><s:extension base=\"tns:{}\">"
      "<s:sequence>\n{}</s:sequence></s:extension></s:complexContent></s:complexType>\n",
      name, base, sequence);
}

// An element with a sequence of one optional element.
std::string wrapper(std::string_view name, std::string_view inner, std::string_view type) {
  return fmt::format(
      "<s:element name=\"{}\"><s:complexType><s:sequence><s:element minOccurs=\"0\" "
      "maxOccurs=\"1\" name=\"{}\" type=\"{}\"/></s:sequence></s:complexType></s:element>\n",
      name, inner, type);
}

std::string wrappers(std::string_view name, std::string_view parameter,
                     std::string_view parameter_type, std::string_view result_type) {
  return wrapper(name, parameter, parameter_type) +
         wrapper(fmt::format("{}Response", name), fmt::format("{}Result", name), result_type);
}

std::string schema(const SoapService& service) {
  std::string text;
  for (const SoapOperation& each : service.operations) {
    text += wrappers(each.name, "req", fmt::format("tns:{}", each.request_type),
                     fmt::format("tns:{}", each.response_type));
    text += extension(each.request_type, "RequestBase", each.request, {});
    text += extension(each.response_type, "ResponseBase", each.response, tail);
    if (!each.has_primitive) continue;
    text += wrappers(fmt::format("Primitive{}", each.name), "XmlRequest", "s:string", "s:string");
  }
  return fmt::format(
      "<wsdl:types><s:schema elementFormDefault=\"qualified\" targetNamespace=\"{}\">\n"
      "<s:complexType name=\"RequestBase\" abstract=\"true\"/>\n"
      "<s:complexType name=\"ResponseBase\" abstract=\"true\"/>\n"
      "<s:element name=\"string\" nillable=\"true\" type=\"s:string\"/>\n"
      "{}{}\n</s:schema></wsdl:types>\n",
      service.name, text, service.types);
}

std::string message(std::string_view name, std::string_view part) {
  return fmt::format("<wsdl:message name=\"{}\"><wsdl:part {}/></wsdl:message>\n", name, part);
}

std::string soap_messages(std::string_view operation) {
  return message(fmt::format("{}SoapIn", operation),
                 fmt::format("name=\"parameters\" element=\"tns:{}\"", operation)) +
         message(fmt::format("{}SoapOut", operation),
                 fmt::format("name=\"parameters\" element=\"tns:{}Response\"", operation));
}

std::string get_messages(std::string_view operation) {
  return message(fmt::format("{}HttpGetIn", operation), "name=\"XmlRequest\" type=\"s:string\"") +
         message(fmt::format("{}HttpGetOut", operation), "name=\"Body\" element=\"tns:string\"");
}

std::string port_operation(std::string_view operation, std::string_view kind) {
  return fmt::format(
      "<wsdl:operation name=\"{0}\"><wsdl:input message=\"tns:{0}{1}In\"/>"
      "<wsdl:output message=\"tns:{0}{1}Out\"/></wsdl:operation>\n",
      operation, kind);
}

std::string soap_binding_operation(const SoapService& service, std::string_view operation,
                                   std::string_view prefix) {
  return fmt::format(
      "<wsdl:operation name=\"{1}\"><{2}:operation soapAction=\"{0}/{1}\" style=\"document\"/>"
      "<wsdl:input><{2}:body use=\"literal\"/></wsdl:input>"
      "<wsdl:output><{2}:body use=\"literal\"/></wsdl:output></wsdl:operation>\n",
      service.name, operation, prefix);
}

std::string get_binding_operation(std::string_view operation) {
  return fmt::format(
      "<wsdl:operation name=\"{0}\"><http:operation location=\"/{0}\"/>"
      "<wsdl:input><http:urlEncoded/></wsdl:input>"
      "<wsdl:output><mime:mimeXml part=\"Body\"/></wsdl:output></wsdl:operation>\n",
      operation);
}

// All operations, Primitive ones too, in the shape of `make`.
template <typename Make>
std::string of_all(const SoapService& service, const Make& make) {
  std::string text;
  for (const SoapOperation& each : service.operations) {
    text += make(each.name);
    if (each.has_primitive) text += make(fmt::format("Primitive{}", each.name));
  }
  return text;
}

template <typename Make>
std::string of_primitives(const SoapService& service, const Make& make) {
  std::string text;
  for (const SoapOperation& each : service.operations) {
    if (each.has_primitive) text += make(fmt::format("Primitive{}", each.name));
  }
  return text;
}

std::string port_type(const SoapService& service, std::string_view kind, std::string_view inner) {
  return fmt::format("<wsdl:portType name=\"{}{}\">\n{}</wsdl:portType>\n", service.name, kind,
                     inner);
}

std::string binding(const SoapService& service, std::string_view name, std::string_view port_kind,
                    std::string_view head, std::string_view inner) {
  return fmt::format("<wsdl:binding name=\"{0}{1}\" type=\"tns:{0}{2}\">{3}\n{4}</wsdl:binding>\n",
                     service.name, name, port_kind, head, inner);
}

std::string soap_binding(const SoapService& service, std::string_view name,
                         std::string_view prefix) {
  return binding(
      service, name, "Soap",
      fmt::format("<{}:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/>", prefix),
      of_all(service, [&](std::string_view operation) {
        return soap_binding_operation(service, operation, prefix);
      }));
}

std::string port(const SoapService& service, std::string_view kind, std::string_view prefix,
                 std::string_view location) {
  return fmt::format(
      "<wsdl:port name=\"{0}{1}\" binding=\"tns:{0}{1}\"><{2}:address location=\"{3}\"/>"
      "</wsdl:port>\n",
      service.name, kind, prefix, xml_text(location));
}

std::string bindings(const SoapService& service) {
  return port_type(
             service, "Soap",
             of_all(service,
                    [](std::string_view operation) { return port_operation(operation, "Soap"); })) +
         port_type(service, "HttpGet",
                   of_primitives(service,
                                 [](std::string_view operation) {
                                   return port_operation(operation, "HttpGet");
                                 })) +
         soap_binding(service, "Soap", "soap") + soap_binding(service, "Soap12", "soap12") +
         binding(service, "HttpGet", "HttpGet", "<http:binding verb=\"GET\"/>",
                 of_primitives(service, get_binding_operation));
}

}  // namespace

std::string wsdl_document(const SoapService& service, std::string_view location) {
  return fmt::format(
      R"(<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:tns="{0}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:s="http://www.w3.org/2001/XMLSchema"
 xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"
 xmlns:http="http://schemas.xmlsoap.org/wsdl/http/"
 xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/" targetNamespace="{0}">
{1}{2}{3}{4}<wsdl:service name="{0}">
{5}{6}{7}</wsdl:service>
</wsdl:definitions>
)",
      service.name, schema(service), of_all(service, soap_messages),
      of_primitives(service, get_messages), bindings(service),
      port(service, "Soap", "soap", location), port(service, "Soap12", "soap12", location),
      port(service, "HttpGet", "http", location));
}

}  // namespace vsaproxy::simulator
