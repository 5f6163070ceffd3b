#include "proxy/auth/schemes/kaseya_soap_editor.h"

#include <catch2/catch.hpp>

#include "proxy/auth/schemes/kaseya_soap.h"
#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using Part = MessageEditor::Part;

namespace {

constexpr std::string_view call =
    R"(<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>)"
    R"(<GetX xmlns="KaseyaWS"><req><SessionID>1</SessionID></req></GetX></s:Body></s:Envelope>)";

struct Request {
  Request(std::string_view method_, std::string_view target_, std::string_view type = "")
      : method(method_), target(target_) {
    if (!type.empty()) fields.add("Content-Type", type);
  }
  RequestLook look() const { return {method, target, &fields}; }

  std::string_view method;
  std::string_view target;
  http::Fields fields;
};

std::unique_ptr<const MessageEditor> editor(base::TextList pages = {}) {
  base::FieldValues values = values_of(kaseya_soap_scheme(), {{"username", "u"}}, {});
  if (!pages.empty()) values.set_list("page_paths", std::move(pages));
  return kaseya_soap_scheme().make_editor(values);
}

}  // namespace

TEST_CASE("an editor needs the body of SOAP calls, the target of others, and nothing of most") {
  const auto [method, target, type, expected] =
      GENERATE(table<std::string_view, std::string_view, std::string_view, Part>({
          {"POST", "/vsaWS/KaseyaWS.asmx", "text/xml; charset=utf-8", Part::body},
          {"POST", "/VSAWS/kaseyaws.ASMX", "application/soap+xml;action=\"x\"", Part::body},
          {"POST", "/vsaWS/KaseyaWS.asmx/", "TEXT/XML", Part::body},
          {"POST", "/vsaWS/Kaseya%57S.asmx?op=x", "text/xml", Part::body},
          {"POST", "/vsaWS/vsaServiceDeskWS.asmx", "text/xml", Part::body},
          {"POST", "/vsaWS/KaseyaWS.asmx", "", Part::target},
          {"POST", "/vsaWS/KaseyaWS.asmx", "application/json", Part::target},
          {"POST", "/vsaWS/KaseyaWS.asmx/PrimitiveX", "application/x-www-form-urlencoded",
           Part::body},
          {"GET", "/vsaWS/KaseyaWS.asmx/PrimitiveX?XmlRequest=", "", Part::target},
          {"GET", "/vsaWS/KaseyaWS.asmx", "", Part::nothing},
          {"GET", "/vsaWS/KaseyaWS.asmx?WSDL", "", Part::nothing},
          {"HEAD", "/vsaWS/KaseyaWS.asmx?WSDL", "", Part::nothing},
          {"POST", "/vsaWS/KaseyaWS.asmxx", "text/xml", Part::nothing},
          {"POST", "/x/vsaWS/KaseyaWS.asmx", "text/xml", Part::nothing},
          {"GET", "/", "", Part::nothing},
          {"GET", "/SystemTab/Page.asp?a=b", "", Part::target},
          {"POST", "/systemtab/x/y", "text/xml", Part::target},
          {"GET", "/SystemTa%62/", "", Part::target},
          {"GET", "/Other", "", Part::nothing},
      }));
  CAPTURE(method, target, type);
  CHECK(editor({"/SystemTab/**"})->needs(Request(method, target, type).look()) == expected);
}

TEST_CASE("a SOAP call gets its session in the body and a page in the target") {
  const auto pages = editor({"/**"});
  const Request soap("POST", "/vsaWS/KaseyaWS.asmx", "text/xml; charset=\"utf-8\"");
  const auto in_body = pages->inspect(soap.look(), call);
  REQUIRE(in_body);
  CHECK(in_body->target.empty());
  CHECK(with_token(call, in_body->body, "T").find("<SessionID>T</SessionID>") != std::string::npos);
  const Request page("GET", "/a?b");
  const auto in_target = pages->inspect(page.look(), "");
  REQUIRE(in_target);
  CHECK(in_target->body.empty());
  CHECK(with_token(page.target, in_target->target, "T") == "/a?b&apiLogonGuid=T");
}

TEST_CASE("calls by GET and with a form get their session in their parameters") {
  const auto plain = editor();
  const Request get("GET", "/vsaWS/KaseyaWS.asmx/PrimitiveX?a=b&SessionID=1");
  const auto in_target = plain->inspect(get.look(), "");
  REQUIRE(in_target);
  CHECK(with_token(get.target, in_target->target, "T") ==
        "/vsaWS/KaseyaWS.asmx/PrimitiveX?a=b&SessionID=T");
  const Request form("POST", "/vsaWS/KaseyaWS.asmx/PrimitiveX",
                     "application/x-www-form-urlencoded");
  const auto in_body = plain->inspect(form.look(), "SessionID=1&a=b");
  REQUIRE(in_body);
  CHECK(with_token("SessionID=1&a=b", in_body->body, "T") == "SessionID=T&a=b");
}

TEST_CASE("a login is found in the body and in the path") {
  const auto [method, target, type, body] =
      GENERATE(table<std::string_view, std::string_view, std::string_view, std::string_view>({
          {"POST", "/vsaWS/KaseyaWS.asmx", "text/xml",
           R"(<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>)"
           R"(<Authenticate xmlns="KaseyaWS"/></s:Body></s:Envelope>)"},
          {"GET", "/vsaWS/KaseyaWS.asmx/PrimitiveAuthenticate?XmlRequest=x", "", ""},
          {"GET", "/vsaws/kaseyaws.asmx/primitiveauthenticate/", "", ""},
          {"POST", "/vsaWS/KaseyaWS.asmx/Primitive%41uthenticate",
           "application/x-www-form-urlencoded", "XmlRequest=x"},
      }));
  CAPTURE(method, target);
  const auto inspection = editor()->inspect(Request(method, target, type).look(), body);
  REQUIRE(inspection);
  CHECK(inspection->login_operation ==
        (body.find("<Auth") != std::string_view::npos ? "Authenticate" : "PrimitiveAuthenticate"));
  CHECK(inspection->target.empty());
  CHECK(inspection->body.empty());
}

TEST_CASE("what the editor can't read is refused") {
  const auto plain = editor();
  const auto is_refused = [&](const Request& request, std::string_view body) {
    const auto inspection = plain->inspect(request.look(), body);
    return !inspection && inspection.error().kind == base::ErrorKind::bad_request;
  };
  CHECK(is_refused({"POST", "/vsaWS/KaseyaWS.asmx", "application/json"}, "{}"));
  CHECK(is_refused({"POST", "/vsaWS/KaseyaWS.asmx"}, call));
  CHECK(is_refused({"POST", "/vsaWS/KaseyaWS.asmx", "text/xml; charset=utf-7"}, call));
  CHECK(is_refused({"POST", "/vsaWS/KaseyaWS.asmx", "text/xml;charset=utf-16"}, call));
  CHECK_FALSE(is_refused({"POST", "/vsaWS/KaseyaWS.asmx", "text/xml; x=y ; Charset=UTF8"}, call));
  Request twice("POST", "/vsaWS/KaseyaWS.asmx", "text/xml");
  twice.fields.add("Content-Type", "text/xml");
  CHECK(is_refused(twice, call));
}

TEST_CASE("the addresses in a description that are the server's own become the proxy's") {
  const auto plain = editor();
  CHECK(plain->edits_answer(Request("GET", "/vsaWS/KaseyaWS.asmx?WSDL").look()));
  CHECK(plain->edits_answer(Request("GET", "/vsaWS/VsaServiceDeskWS.asmx?wsdl").look()));
  CHECK(plain->edits_answer(Request("GET", "/vsaWS/KaseyaWS.asmx?singleWsdl").look()));
  CHECK(plain->edits_answer(Request("GET", "/vsaWS/KaseyaWS.asmx?disco").look()));
  CHECK_FALSE(plain->edits_answer(Request("GET", "/vsaWS/KaseyaWS.asmx").look()));
  CHECK_FALSE(plain->edits_answer(Request("GET", "/vsaWS/KaseyaWS.asmx?op=WSDL").look()));
  CHECK_FALSE(plain->edits_answer(Request("GET", "/other.asmx?WSDL").look()));
  // The head alone, whose length and tag would be those of the server's own (RFC 9110, 8.6).
  CHECK(plain->edits_answer(Request("HEAD", "/vsaWS/KaseyaWS.asmx?WSDL").look()));
  CHECK_FALSE(plain->edits_answer(Request("HEAD", "/vsaWS/KaseyaWS.asmx").look()));
  CHECK_FALSE(plain->edits_answer(Request("PUT", "/vsaWS/KaseyaWS.asmx?WSDL").look()));

  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<w:port xmlns:w="w" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"><soap:address location="https://inner:8443/vsaWS/KaseyaWS.asmx" /></w:port>)",
       R"(<w:port xmlns:w="w" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"><soap:address location="http://p/x/vsaWS/KaseyaWS.asmx" /></w:port>)"},
      {R"(<address xmlns='http://schemas.xmlsoap.org/wsdl/soap12/' required = "1" location = 'HTTP://h/vsaws/vsaservicedeskws.asmx'/>)",
       R"(<address xmlns='http://schemas.xmlsoap.org/wsdl/soap12/' required = "1" location = 'http://p/x/vsaws/vsaservicedeskws.asmx'/>)"},
      {R"(<http:address xmlns:http="http://schemas.xmlsoap.org/wsdl/http/" location="http://h/vsaWS/KaseyaWS.asmx"/>)",
       R"(<http:address xmlns:http="http://schemas.xmlsoap.org/wsdl/http/" location="http://p/x/vsaWS/KaseyaWS.asmx"/>)"},
      {R"(<contractRef xmlns="http://schemas.xmlsoap.org/disco/scl/" docRef="http://h/vsaWS/KaseyaWS.asmx" ref="http://h/vsaWS/KaseyaWS.asmx?wsdl"/>)",
       R"(<contractRef xmlns="http://schemas.xmlsoap.org/disco/scl/" docRef="http://p/x/vsaWS/KaseyaWS.asmx" ref="http://p/x/vsaWS/KaseyaWS.asmx?wsdl"/>)"},
      {R"(<soap:address xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" location="https://other/service"/>)",
       R"(<soap:address xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" location="https://other/service"/>)"},
      {R"(<soap:address xmlns:soap="other" location="https://h/vsaWS/KaseyaWS.asmx"/>)",
       R"(<soap:address xmlns:soap="other" location="https://h/vsaWS/KaseyaWS.asmx"/>)"},
      {R"(<soap:address xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" location="/vsaWS/KaseyaWS.asmx"/>)",
       R"(<soap:address xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" location="/vsaWS/KaseyaWS.asmx"/>)"},
      {"<html>", "<html>"},
      {"", ""},
  }));
  CAPTURE(before);
  CHECK(with_token(before, plain->address_places(before), "http://p/x") == after);
}

TEST_CASE("a redirect of a page does not tell its session") {
  const auto plain = editor();
  std::string location = "https://h/a?apiLogonGuid=91422713194722770576449885&b=c";
  CHECK(plain->clean_location(location));
  CHECK(location == "https://h/a?b=c");
}
