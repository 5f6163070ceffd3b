#include "proxy/auth/schemes/kaseya_vsa9.h"

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

constexpr std::string_view guid = "00000000-0000-0000-0000-000000000000";

LoginRequest start(const Texts& texts, const Texts& secrets, std::uint32_t random = 0) {
  const auto scheme = make_scheme(kaseya_vsa9_scheme(), texts, secrets, random);
  REQUIRE(scheme);
  auto step = (*scheme)->start({}, nullptr);
  REQUIRE(step);
  return std::get<LoginRequest>(*std::move(step));
}

std::string authorization(const PasswordLogin& login) {
  return std::string(basic_authorization(password_payload(login).reveal()).reveal());
}

std::string fault_of(const Texts& texts, const Texts& secrets) {
  const SchemeSpec& spec = kaseya_vsa9_scheme();
  return spec.fault(values_of(spec, texts, secrets));
}

const base::Field& field_named(std::string_view key) {
  for (const base::Field& field : kaseya_vsa9_scheme().fields) {
    if (field.key == key) return field;
  }
  FAIL("no such key");
  return kaseya_vsa9_scheme().fields.front();
}

}  // namespace

TEST_CASE("a token logs in with GET on auth under the base") {
  const LoginRequest request = start({{"username", "apiuser"}}, {{"token", guid}});
  CHECK(request.method == "GET");
  CHECK(request.target == "/api/v1.0/auth");
  CHECK(field_value(request, "Authorization") ==
        "Basic YXBpdXNlcjowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA=");
  CHECK(field_value(request, "Accept") == "application/json");
  CHECK(request.body.empty());
  CHECK_FALSE(request.second_try);
}

TEST_CASE("the base may be empty or end in a slash") {
  const auto [base, target] = GENERATE(table<std::string_view, std::string_view>(
      {{"", "/auth"}, {"/", "/auth"}, {"/vsa/api/", "/vsa/api/auth"}, {"/api", "/api/auth"}}));
  CHECK(start({{"username", "u"}, {"base", base}}, {{"token", guid}}).target == target);
}

TEST_CASE("a password logs in with the web formula and its second factor by default") {
  const LoginRequest request = start({{"username", "testuser"}}, {{"password", "pass"}});
  CHECK(field_value(request, "Authorization") ==
        authorization({"testuser", "pass", "10000000", PasswordFormula::web, ":undefined"}));
}

TEST_CASE("the random number has eight digits") {
  const auto [random, digits] =
      GENERATE(table<std::uint32_t, std::string_view>({{0, "10000000"},
                                                       {89'999'999, "99999999"},
                                                       {90'000'000, "10000000"},
                                                       {4'294'967'295, "74967295"}}));
  const LoginRequest request = start({{"username", "u"}}, {{"password", "pass"}}, random);
  CHECK(field_value(request, "Authorization") ==
        authorization({"u", "pass", digits, PasswordFormula::web, ":undefined"}));
}

TEST_CASE("an empty second factor leaves the field out") {
  const LoginRequest request =
      start({{"username", "u"}, {"two_factor", ""}}, {{"password", "pass"}});
  CHECK(field_value(request, "Authorization") ==
        authorization({"u", "pass", "10000000", PasswordFormula::web, std::nullopt}));
}

TEST_CASE("the documented formula has a second factor only if one is written") {
  const Texts plain = {{"username", "u"}, {"password_formula", "documented"}};
  CHECK(field_value(start(plain, {{"password", "pass"}}), "Authorization") ==
        authorization({"u", "pass", "10000000", PasswordFormula::documented, std::nullopt}));
  const Texts with_code = {
      {"username", "u"}, {"password_formula", "documented"}, {"two_factor", "123456"}};
  CHECK(field_value(start(with_code, {{"password", "pass"}}), "Authorization") ==
        authorization({"u", "pass", "10000000", PasswordFormula::documented, "123456"}));
}

TEST_CASE("user name and password are encoded as configured") {
  const auto [encoding, user, password] =
      GENERATE(table<std::string_view, std::string_view, std::string_view>(
          {{"utf-8", "j\xC3\xBCrgen", "p\xC3\xA4ss"},
           {"latin-1", "j\xFCrgen", "p\xE4ss"},
           {"ascii", "j?rgen", "p?ss"}}));
  const LoginRequest request =
      start({{"username", "j\xC3\xBCrgen"}, {"encoding", encoding}}, {{"password", "p\xC3\xA4ss"}});
  CHECK(field_value(request, "Authorization") ==
        authorization({user, password, "10000000", PasswordFormula::web, ":undefined"}));
}

TEST_CASE("a secret that cannot be sent is a configuration error and sends no login") {
  const auto [encoding, password] = GENERATE(table<std::string_view, std::string_view>(
      {{"latin-1", "\xE2\x82\xAC"}, {"utf-8", "\xE4"}, {"utf-8", " \n"}}));
  const auto scheme = make_scheme(kaseya_vsa9_scheme(), {{"username", "u"}, {"encoding", encoding}},
                                  {{"password", password}});
  REQUIRE(scheme);
  const auto step = (*scheme)->start({}, nullptr);
  REQUIRE_FALSE(step);
  CHECK(step.error().kind == base::ErrorKind::configuration);
}

TEST_CASE("exactly one of token and password is needed") {
  CHECK(fault_of({{"username", "u"}}, {{"token", guid}}) == "");
  CHECK(fault_of({{"username", "u"}}, {{"password", "p"}}) == "");
  CHECK(fault_of({{"username", "u"}}, {}) != "");
  CHECK(fault_of({{"username", "u"}}, {{"token", guid}, {"password", "p"}}) != "");
  CHECK(fault_of({{"username", "a:b"}}, {{"token", guid}}) != "");
  CHECK(fault_of({{"username", "a:b"}}, {{"password", "p"}}) == "");
}

TEST_CASE("values that VSA would misread are refused") {
  CHECK(field_named("username").required);
  CHECK(field_named("username").fault("svc,legacy") != "");
  CHECK(field_named("username").fault(" ") != "");
  CHECK(field_named("username").fault("DOMAIN\\svc legacy") == "");
  CHECK(field_named("two_factor").fault("1,2") != "");
  CHECK(field_named("two_factor").fault("") == "");
  CHECK(field_named("base").fault("/api/v1.0") == "");
  CHECK(field_named("base").fault("") == "");
  for (const auto* wrong : {"api", "https://x/api", "/api?x", "/a b", "/a#b", "/a\r\nb"}) {
    CHECK(field_named("base").fault(wrong) != "");
  }
}

TEST_CASE("the answer to a login becomes the credential") {
  const auto scheme = make_scheme(kaseya_vsa9_scheme(), {{"username", "u"}}, {{"token", guid}});
  REQUIRE(scheme);
  LoginResponse response;
  response.status = 200;
  response.body =
      R"({"Result":{"Token":"76050000"},"ResponseCode":0,"Status":"OK","Error":"None"})";
  const auto step = (*scheme)->on_response(response, {});
  REQUIRE(step);
  CHECK(field_value(std::get<Credential>(*step), "Authorization") == "Bearer 76050000");
  response.status = 401;
  const auto refused = (*scheme)->on_response(response, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.find("token") != std::string::npos);
}
