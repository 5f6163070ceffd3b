#include "proxy/auth/schemes/kaseya_soap_answer.h"

#include <rapidjson/document.h>

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using base::ErrorKind;

namespace {

std::string soap(std::string_view content,
                 std::string_view space = "http://schemas.xmlsoap.org/soap/envelope/") {
  return fmt::format(R"(<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{}">)"
                     R"(<soap:Body>{}</soap:Body></soap:Envelope>)",
                     space, content);
}

std::string result_of(std::string_view method, std::string_view members) {
  return soap(
      fmt::format(R"(<{0}Response xmlns="KaseyaWS"><{0}Result>{1}</{0}Result></{0}Response>)",
                  method, members));
}

std::string fault(std::string_view code, std::string_view text = "x") {
  return soap(
      fmt::format("<soap:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring>"
                  "</soap:Fault>",
                  code, text));
}

std::string fault_of_1_2(std::string_view members) {
  return soap(fmt::format("<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code>"
                          "{}</soap:Fault>",
                          members),
              "http://www.w3.org/2003/05/soap-envelope");
}

std::string login(std::string_view members) { return result_of("Authenticate", members); }

base::Result<Credential> read(int status, std::string_view body) {
  const http::Fields fields;
  return read_soap_login({status, &fields, body, {}}).credential;
}

bool is_lost(std::string_view body, int status = 200) {
  return says_soap_session_lost({status, "text/xml; charset=utf-8", body});
}

constexpr std::string_view session = "<SessionID>91422713194722770576449885</SessionID>";

void check_vector(const rapidjson::Value& vector) {
  const std::string expected = vector["classify"].GetString();
  const std::string message = vector["ErrorMessage"].GetString();
  const std::string id = vector.HasMember("SessionID") ? vector["SessionID"].GetString() : "";
  const int status = vector["http_status"].GetInt();
  CAPTURE(vector["id"].GetString());
  const std::string error = fmt::format("<ErrorMessage>{}</ErrorMessage><ErrorLocation/>", message);
  if (expected == "session-expired") {
    CHECK(is_lost(result_of("GetMachineList", error), status));
    return;
  }
  const auto credential =
      read(status, login(fmt::format("<SessionID>{}</SessionID>{}", id, error)));
  REQUIRE(credential.has_value() == (expected == "login-ok"));
  if (credential) {
    CHECK(credential->token.reveal() == id);
  } else {
    CHECK(credential.error().kind == ErrorKind::login_rejected);
    CHECK(credential.error().detail.find(message) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("answers of the SOAP API are told apart") {
  const auto vectors = read_vectors("vsa_soap.json");
  const auto& answers = vectors["response_classification"];
  REQUIRE(answers.Size() == 4);
  for (const auto& vector : answers.GetArray()) check_vector(vector);
}

TEST_CASE("a session is read whatever stands around it") {
  const auto body = GENERATE_COPY(
      as<std::string>(), login(session),
      login("<SessionID>\n 91422713194722770576449885 </SessionID><ErrorMessage />"),
      login("<Method>Authenticate</Method><SessionID><![CDATA[91422713194722770576449885]]>"
            "</SessionID>"),
      "\xEF\xBB\xBF" + login(session),
      soap(fmt::format(R"(<k:AuthenticateResponse xmlns:k="KaseyaWS"><k:AuthenticateResult>)"
                       "<k:SessionID>91422713194722770576449885</k:SessionID>"
                       "</k:AuthenticateResult></k:AuthenticateResponse>"),
           "http://www.w3.org/2003/05/soap-envelope"));
  const auto credential = read(200, body);
  REQUIRE(credential);
  CHECK(credential->token.reveal() == "91422713194722770576449885");
}

TEST_CASE("a login that the SOAP API refuses is rejected") {
  const auto [status, body] = GENERATE_COPY(table<int, std::string>({
      {200, login("<SessionID>0</SessionID><ErrorMessage/>")},
      {200, login("<SessionID>000</SessionID>")},
      {200, login("<SessionID/><ErrorMessage/>")},
      {200, login("<ErrorMessage/>")},
      {200, login("<Inner><SessionID>91422713194722770576449885</SessionID></Inner>")},
      {200, login(fmt::format("{}<ErrorMessage>odd</ErrorMessage>", session))},
      {200, soap("")},
      {200, fault("soap:Client")},
      {500, fault("soap:Client")},
      {500, fault("soap:VersionMismatch")},
      {500, fault("soap:Client", "username/password incorrect")},
      {500, fault_of_1_2("")},
      {400, login(session)},
      {401, ""},
      {403, "<html>"},
      {404, ""},
  }));
  CAPTURE(status, body);
  const auto credential = read(status, body);
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::login_rejected);
}

TEST_CASE("what may succeed later is no rejection") {
  const auto [status, body] = GENERATE_COPY(table<int, std::string>({
      {408, ""},
      {429, login("<SessionID>0</SessionID>")},
      {500, ""},
      {500, "<html>Runtime Error</html>"},
      {500, fault("soap:Server")},
      {500, soap("<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code>"
                 "</soap:Fault>",
                 "http://www.w3.org/2003/05/soap-envelope")},
      {503, fault("soap:Client")},
      {302, ""},
  }));
  CAPTURE(status, body);
  const auto credential = read(status, body);
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::login_unavailable);
}

TEST_CASE("what no SOAP server answers is malformed") {
  const auto body = GENERATE(
      as<std::string>(), "", "<html><body>Log in</body></html>", "<a>", R"({"ResponseCode":0})",
      "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
      "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>");
  CAPTURE(body);
  const auto credential = read(200, body);
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::malformed);
}

TEST_CASE("a session that is no number goes into no message") {
  const auto id = GENERATE("9.142271319472278e+25", "1&lt;/SessionID&gt;", "-1", "1 2");
  const auto credential = read(200, login(fmt::format("<SessionID>{}</SessionID>", id)));
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::malformed);
}

TEST_CASE("an answer says that the session is gone in the method's own result only") {
  const auto [body, expected] = GENERATE_COPY(table<std::string, bool>({
      {result_of("GetAlarm", "<ErrorMessage>Invalid Session</ErrorMessage>"), true},
      {result_of("GetAlarm", "<ErrorMessage>the SESSION has expired</ErrorMessage>"), true},
      {result_of("GetAlarm", "<ErrorMessage>invalid &#x73;essionid</ErrorMessage>"), true},
      {result_of("GetAlarm", "<SessionID>0</SessionID><ErrorMessage/>"), true},
      {soap(R"(<x:AResponse xmlns:x="vsaServiceDeskWS"><x:AResult><x:ErrorMessage>no session)"
            "</x:ErrorMessage></x:AResult></x:AResponse>",
            "http://www.w3.org/2003/05/soap-envelope"),
       true},
      {result_of("PrimitiveGetAlarm",
                 "&lt;GetAlarmResponse&gt;&lt;ErrorMessage&gt;Invalid Session&lt;/ErrorMessage&gt;"
                 "&lt;/GetAlarmResponse&gt;"),
       true},
      {R"(<string xmlns="KaseyaWS">&lt;A&gt;&lt;SessionID&gt;0&lt;/SessionID&gt;&lt;/A&gt;</string>)",
       true},
      {result_of("GetAlarm", "<ErrorMessage/><ErrorLocation/>"), false},
      {result_of("GetAlarm", "<ErrorMessage></ErrorMessage>"), false},
      {result_of("GetAlarm", "<ErrorMessage>no such alarm</ErrorMessage>"), false},
      {result_of("GetAlarm", fmt::format("{}<ErrorMessage />", session)), false},
      {result_of("GetAlarm",
                 "<Machines><ErrorMessage>session lost</ErrorMessage>"
                 "<SessionID>0</SessionID></Machines><ErrorMessage/>"),
       false},
      {result_of("GetAlarm",
                 "<Note>&lt;ErrorMessage&gt;session&lt;/ErrorMessage&gt;</Note>"
                 "<ErrorMessage></ErrorMessage>"),
       false},
      {result_of("Authenticate", "<SessionID>0</SessionID><ErrorMessage>x</ErrorMessage>"), false},
      {R"(<string xmlns="KaseyaWS">&lt;A&gt;&lt;SessionID&gt;0&lt;/SessionID&gt;)"
       R"(&lt;Method&gt;Authenticate&lt;/Method&gt;&lt;/A&gt;</string>)",
       false},
      {"<GetAlarmResult><ErrorMessage>session</ErrorMessage></GetAlarmResult>", false},
      {"<SessionID>0</SessionID>", false},
      {"SessionID 0", false},
      {"", false},
  }));
  CAPTURE(body);
  CHECK(is_lost(body) == expected);
  CHECK_FALSE(is_lost(body, 500));
}

TEST_CASE("a fault that speaks of the session says that it is gone, any other does not") {
  const auto reason = [](std::string_view texts) {
    return fault_of_1_2(fmt::format("<soap:Reason>{}</soap:Reason>", texts));
  };
  const auto [body, expected] = GENERATE_COPY(table<std::string, bool>({
      {fault("soap:Server", "Session is invalid or has expired"), true},
      {fault("soap:Client", "no <![CDATA[SESSION]]>"), true},
      {reason(R"(<soap:Text xml:lang="en">Session expired</soap:Text>)"), true},
      {reason(R"(<soap:Text xml:lang="en">invalid session</soap:Text>)"
              R"(<soap:Text xml:lang="de">Sitzung abgelaufen</soap:Text>)"),
       true},
      {fault("soap:Server", "no such machine"), false},
      {fault("soap:Session", "x"), false},
      {soap("<soap:Fault><faultcode>soap:Server</faultcode><faultstring>x</faultstring><detail>"
            "<faultstring>session</faultstring>session</detail></soap:Fault>"),
       false},
      {reason(R"(<soap:Text xml:lang="en">no such machine</soap:Text>)"), false},
      {reason("<Text>session</Text>"), false},
      {fault_of_1_2("<soap:Detail><soap:Text>session</soap:Text></soap:Detail>"), false},
      {soap("<Fault><faultstring>session</faultstring></Fault>"), false},
      {result_of("GetAlarm", "<Note>Fault: session</Note>"), false},
      {"<Fault><faultstring>session</faultstring></Fault>", false},
      {"<html>Session State Server unavailable</html>", false},
      {"", false},
  }));
  CAPTURE(body);
  CHECK(is_lost(body, 500) == expected);
  CHECK_FALSE(is_lost(body, 200));
  CHECK_FALSE(is_lost(body, 503));
}
