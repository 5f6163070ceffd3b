#pragma once
// The WSDL 1.1 document of a simulated web service, as ASP.NET makes it: bindings for SOAP 1.1,
// SOAP 1.2 and HTTP GET. Stateless.

#include <string>
#include <string_view>

#include "tests/simulator/soap_services.h"

namespace vsaproxy::simulator {

// `location` is the address of the service as the reader of the document has it.
std::string wsdl_document(const SoapService& service, std::string_view location);

}  // namespace vsaproxy::simulator
