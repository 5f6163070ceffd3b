#include "proxy/auth/schemes/kaseya_soap_stub.h"

#include <catch2/catch.hpp>

#include "proxy/auth/schemes/kaseya_soap_answer.h"
#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

StubRequest call(std::string_view operation, std::string_view content_type = "text/xml",
                 std::string_view failure = "") {
  StubRequest request;
  request.method = "POST";
  request.path = "/vsaWS/KaseyaWS.asmx";
  request.operation = operation;
  request.content_type = content_type;
  request.failure = failure;
  return request;
}

}  // namespace

TEST_CASE("Authenticate is answered with a placeholder and every member that clients read") {
  const LocalAnswer answer = soap_stub(call("Authenticate"));
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "text/xml; charset=utf-8");
  CHECK(answer.body ==
        R"(<?xml version="1.0" encoding="utf-8"?>)"
        R"(<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>)"
        R"(<AuthenticateResponse xmlns="KaseyaWS"><AuthenticateResult>)"
        R"(<SessionID>10000000000000000000000000</SessionID><Method>Authenticate</Method>)"
        R"(<TransactionID>1</TransactionID><ErrorMessage></ErrorMessage>)"
        R"(<ErrorLocation></ErrorLocation></AuthenticateResult></AuthenticateResponse>)"
        R"(</soap:Body></soap:Envelope>)");
}

TEST_CASE("a login of SOAP 1.2 is answered in SOAP 1.2") {
  const LocalAnswer answer = soap_stub(
      call("AuthenticateWithAppSessionID", "Application/SOAP+xml; charset=utf-8; action=\"x\""));
  CHECK(answer.content_type == "application/soap+xml; charset=utf-8");
  CHECK(answer.body.find("\"http://www.w3.org/2003/05/soap-envelope\"") != std::string::npos);
  CHECK(answer.body.find("<AuthenticateWithAppSessionIDResult>") != std::string::npos);
}

TEST_CASE("a login at the service desk is answered in its namespace") {
  StubRequest request = call("Authenticate");
  request.path = "/vsaWS/VSAServiceDeskWS.asmx?x";
  CHECK(soap_stub(request).body.find("xmlns=\"vsaServiceDeskWS\"") != std::string::npos);
}

TEST_CASE("a SOAP login without a session fails as the API's own do, with the reason") {
  const LocalAnswer answer = soap_stub(call("Authenticate", "text/xml", "a < \"b\" & \x01"));
  CHECK(answer.status == 200);
  CHECK(answer.body.find("<SessionID>0</SessionID>") != std::string::npos);
  CHECK(answer.body.find("<ErrorMessage>a &lt; &quot;b&quot; &amp;  </ErrorMessage>") !=
        std::string::npos);
}

TEST_CASE("every stubbed answer is one that the login itself could read") {
  const auto operation =
      GENERATE("Authenticate", "AuthenticateWithAppSessionID", "PrimitiveAuthenticate");
  const auto method = GENERATE("POST", "GET");
  const auto type = GENERATE("text/xml", "application/soap+xml", "");
  const auto failure = GENERATE("", "why & when");
  CAPTURE(operation, method, type, failure);
  StubRequest request = call(operation, type, failure);
  request.method = method;
  const LocalAnswer answer = soap_stub(request);
  if (std::string_view(operation) != "PrimitiveAuthenticate" &&
      answer.body.find("<string") != std::string::npos) {
    return;  // no such call is in the API
  }
  const auto read = read_soap_login({200, nullptr, answer.body, {}}).credential;
  REQUIRE(read.has_value() == (std::string_view(failure) == ""));
  if (read) CHECK(read->token.reveal() == "10000000000000000000000000");
}

TEST_CASE("a Primitive login is answered with XML in a string") {
  StubRequest request = call("PrimitiveAuthenticate");
  CHECK(soap_stub(request).body.find("<PrimitiveAuthenticateResult>&lt;AuthenticateResponse&gt;"
                                     "&lt;SessionID&gt;10000000000000000000000000&lt;") !=
        std::string::npos);
  request.method = "GET";
  request.content_type = "";
  const LocalAnswer answer = soap_stub(request);
  CHECK(answer.content_type == "text/xml; charset=utf-8");
  CHECK(answer.body.starts_with(
      R"(<?xml version="1.0" encoding="utf-8"?><string xmlns="KaseyaWS">&lt;AuthenticateResponse&gt;)"));
}
