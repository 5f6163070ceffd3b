#include "proxy/auth/schemes/kaseya_soap.h"

#include <rapidjson/document.h>

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using base::ErrorKind;

namespace {

const Texts user = {{"username", "testuser"}};
const Texts pass = {{"password", "SomethingMoreSecureThanThis"}};

std::unique_ptr<Scheme> soap_scheme(Texts texts = user, std::uint32_t random = 0) {
  auto scheme = make_scheme(kaseya_soap_scheme(), texts, pass, random);
  REQUIRE(scheme);
  return std::move(*scheme);
}

std::string answer_with(std::string_view members) {
  return fmt::format(
      R"(<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">)"
      R"(<soap:Body><AuthenticateResponse xmlns="KaseyaWS"><AuthenticateResult>{}</AuthenticateResult>)"
      R"(</AuthenticateResponse></soap:Body></soap:Envelope>)",
      members);
}

const std::string good = answer_with("<SessionID>91422713194722770576449885</SessionID>");
const std::string bad =
    answer_with("<SessionID>0</SessionID><ErrorMessage>username/password incorrect</ErrorMessage>");

LoginRequest request_of(base::Result<Step> step) {
  REQUIRE(step);
  REQUIRE(std::holds_alternative<LoginRequest>(*step));
  return std::get<LoginRequest>(*std::move(step));
}

base::Result<Step> answered(Scheme& scheme, std::string_view body) {
  LoginResponse response;
  response.status = 200;
  response.body = body;
  return scheme.on_response(response, {});
}

bool uses(const LoginRequest& request, std::string_view algorithm) {
  return request.body.reveal().find(fmt::format("<HashingAlgorithm>{}<", algorithm)) !=
         std::string_view::npos;
}

const base::Field& field_named(std::string_view key) {
  for (const base::Field& field : kaseya_soap_scheme().fields) {
    if (field.key == key) return field;
  }
  FAIL("no such key");
  return kaseya_soap_scheme().fields.front();
}

}  // namespace

TEST_CASE("the covered password of SOAP is that of working clients") {
  const auto vectors = read_vectors("vsa_soap.json");
  const auto& all = vectors["vsa_soap"];
  REQUIRE(all.Size() == 4);
  for (const auto& vector : all.GetArray()) {
    const auto& input = vector["input"];
    const std::string algorithm = input["algorithm"].GetString();
    SoapLogin login;
    login.username = input["username"].GetString();
    login.hashed_username = login.username;
    login.password = input["password"].GetString();
    login.random = input["random"].GetString();
    login.hash = algorithm == "SHA-1" ? PasswordHash::sha_1 : PasswordHash::sha_256;
    const base::Secret message = soap_login_message(login);
    CAPTURE(vector["id"].GetString());
    CHECK(message.reveal().find(fmt::format("<CoveredPassword>{}</CoveredPassword>",
                                            vector["CoveredPassword"].GetString())) !=
          std::string_view::npos);
    CHECK(message.reveal().find(fmt::format("<HashingAlgorithm>{}</HashingAlgorithm>",
                                            algorithm)) != std::string_view::npos);
  }
}

TEST_CASE("a SOAP login is an Authenticate message to the endpoint") {
  const auto scheme = soap_scheme({{"username", " DOM\\a<b "}, {"endpoint", "/x/K.asmx"}}, 7);
  const LoginRequest request = request_of(scheme->start({}, nullptr));
  CHECK(request.method == "POST");
  CHECK(request.target == "/x/K.asmx");
  CHECK(request.content_type == "text/xml; charset=utf-8");
  CHECK(field_value(request, "SOAPAction") == "\"KaseyaWS/Authenticate\"");
  CHECK_FALSE(request.second_try);
  CHECK(request.spends_budget);
  const std::string_view body = request.body.reveal();
  CHECK(body.find("<Authenticate xmlns=\"KaseyaWS\"><req><UserName>DOM\\a&lt;b</UserName>"
                  "<CoveredPassword>") != std::string_view::npos);
  CHECK(body.find("<RandomNumber>10000007</RandomNumber>") != std::string_view::npos);
}

TEST_CASE("the name of a domain account is hashed as REST does it") {
  const auto scheme = soap_scheme({{"username", "testuser@domain.com"}}, 0);
  const LoginRequest request = request_of(scheme->start({}, nullptr));
  const std::string covered = covered_password(PasswordHash::sha_256, "SomethingMoreSecureThanThis",
                                               "domain.com/testuser", "10000000");
  CHECK(request.body.reveal().find(covered) != std::string_view::npos);
}

TEST_CASE("a SOAP session goes into messages, not into fields, and has no end of its own") {
  const auto scheme = soap_scheme();
  CHECK(uses(request_of(scheme->start({}, nullptr)), "SHA-256"));
  auto step = answered(*scheme, good);
  REQUIRE(step);
  const auto& credential = std::get<Credential>(*step);
  CHECK(credential.token.reveal() == "91422713194722770576449885");
  CHECK(credential.fields.empty());
  CHECK_FALSE(credential.expires);
}

TEST_CASE("one hash means one login") {
  const auto hash = GENERATE("sha-256", "sha-1");
  const auto scheme = soap_scheme({{"username", "u"}, {"hash", hash}});
  CHECK(uses(request_of(scheme->start({}, nullptr)), hash[4] == '1' ? "SHA-1" : "SHA-256"));
  const auto step = answered(*scheme, bad);
  REQUIRE_FALSE(step);
  CHECK(step.error().kind == ErrorKind::login_rejected);
}

TEST_CASE("the second hash is a second try, once, and is remembered if it was taken") {
  const Texts both = {{"username", "u"}, {"hash", "sha-256-then-sha-1"}};
  auto scheme = soap_scheme(both);
  CHECK(uses(request_of(scheme->start({}, nullptr)), "SHA-256"));
  const LoginRequest second = request_of(answered(*scheme, bad));
  CHECK(second.second_try);
  CHECK(second.spends_budget);
  CHECK(uses(second, "SHA-1"));

  SECTION("both are rejected") {
    const auto step = answered(*scheme, bad);
    REQUIRE_FALSE(step);
    CHECK(step.error().kind == ErrorKind::login_rejected);
  }
  SECTION("the next login begins with the one that was taken, and may go back") {
    auto step = answered(*scheme, good);
    REQUIRE(step);
    const auto former = std::get<Credential>(*std::move(step));
    scheme = soap_scheme(both);
    CHECK(uses(request_of(scheme->start({}, &former)), "SHA-1"));
    const LoginRequest back = request_of(answered(*scheme, bad));
    CHECK(uses(back, "SHA-256"));
    CHECK(back.second_try);
  }
}

TEST_CASE("a cause that no hash can change costs no second try") {
  const auto text =
      GENERATE("API disabled", "API disabled for tenant", "user disabled", "IP address incorrect");
  const auto scheme = soap_scheme({{"username", "u"}, {"hash", "sha-256-then-sha-1"}});
  request_of(scheme->start({}, nullptr));
  const auto step = answered(
      *scheme,
      answer_with(fmt::format("<SessionID>0</SessionID><ErrorMessage>{}</ErrorMessage>", text)));
  REQUIRE_FALSE(step);
  CHECK(step.error().kind == ErrorKind::login_rejected);
  CHECK(step.error().detail.find(fmt::format("\"{}\"", text)) != std::string::npos);
}

TEST_CASE("a password that is only white space is a fault of the configuration") {
  auto scheme = make_scheme(kaseya_soap_scheme(), user, {{"password", " \n"}});
  REQUIRE(scheme);
  const auto step = (*scheme)->start({}, nullptr);
  REQUIRE_FALSE(step);
  CHECK(step.error().kind == ErrorKind::configuration);
}

TEST_CASE("keys of a SOAP credential that can't work are named") {
  const auto [key, value, is_fine] = GENERATE(table<std::string_view, std::string_view, bool>({
      {"endpoint", "/vsaWS/KaseyaWS.asmx", true},
      {"endpoint", "vsaWS/KaseyaWS.asmx", false},
      {"endpoint", "/vsaWS/KaseyaWS.asmx?WSDL", false},
      {"endpoint", "/vsaWS/../KaseyaWS.asmx", false},
      {"endpoint", "/", false},
      {"endpoint", "/a b", false},
      {"endpoint", "/a%20b", false},
      {"page_paths", "/SystemTab/**", true},
      {"page_paths", "SystemTab", false},
      {"page_paths", "/a*", false},
      {"username", "DOMAIN\\user", true},
      {"username", "a,b", true},
      {"username", " ", false},
      {"username", "a\x01", false},
  }));
  CAPTURE(key, value);
  CHECK((field_named(key).fault(value) == "") == is_fine);
}
