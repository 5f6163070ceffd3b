#pragma once
// SOAP 1.1 and 1.2 envelopes around the calls and answers of an ASP.NET web service, as bytes and
// as values of one request. Stateless.

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "tests/simulator/answer.h"
#include "tests/simulator/message.h"
#include "tests/simulator/xml.h"

namespace vsaproxy::simulator {

// With http_get the parameters are in the query and the answer has no envelope.
enum class SoapVersion { v11, v12, http_get };

struct SoapCall {
  SoapVersion version = SoapVersion::v11;
  XmlElement envelope;

  // The only child of Body: the operation's own element.
  const XmlElement& operation() const;
};

// What a POST brings. The error is the answer to it: 415 for a content type that is neither
// text/xml nor application/soap+xml, otherwise a Fault: no XML, a DOCTYPE, an envelope of the other
// version, a Body without exactly one element of that namespace, a SOAPAction that names another.
tl::expected<SoapCall, Answer> parse_soap_call(const Request& request, std::string_view space);

// `body` is the XML inside Body; with http_get the whole document.
Answer soap_answer(SoapVersion version, std::string_view body);

// A Fault of the client's making, status 500 as ASP.NET sends it.
Answer soap_fault(SoapVersion version, std::string_view text);

}  // namespace vsaproxy::simulator
