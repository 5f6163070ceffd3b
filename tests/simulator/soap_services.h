#pragma once
// The web services of VSA's SOAP API: one table makes both what is answered and what the WSDL says.
// Names, types and their order are those of the vendor's WSDL.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/options.h"
#include "tests/simulator/xml.h"

namespace vsaproxy::simulator {

struct SoapField {
  std::string_view name;
  std::string_view type;  // as in the WSDL: s: is XML Schema, tns: the service's own
};

// What writing calls leave behind.
struct SoapRecords {
  std::vector<std::string> scopes = {"Master", "Acme"};
  std::uint64_t writes = 0;
};

struct SoapInput {
  const XmlElement& req;
  std::string_view space;  // of the fields in it
  const Options& options;
  SoapRecords& records;

  // The text of a field; empty: there is none.
  std::string_view text(std::string_view name) const;
};

struct SoapOperation {
  std::string_view name;
  std::string_view request_type;
  std::string_view response_type;
  std::span<const SoapField> request;   // s:decimal and s:int are required, the others optional
  std::span<const SoapField> response;  // before Method, TransactionID, ErrorMessage, ErrorLocation
  std::string (*result)(const SoapInput& input);  // these fields as XML; null: it is a login
  bool has_primitive = false;  // also as PrimitiveNAME, with all its XML in one escaped string

  bool needs_session() const { return result != nullptr; }
};

struct SoapService {
  std::string_view path;  // lower case
  std::string_view name;  // also the namespace
  std::span<const SoapOperation> operations;
  std::string_view types;  // XML Schema of what the fields' types name
};

std::span<const SoapService> soap_services();

// Null if it has none of that name.
const SoapOperation* find_operation(const SoapService& service, std::string_view name);

}  // namespace vsaproxy::simulator
