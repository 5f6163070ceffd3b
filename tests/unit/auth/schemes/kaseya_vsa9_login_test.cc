#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "proxy/auth/schemes/kaseya_password.h"
#include "proxy/auth/schemes/kaseya_vsa9.h"
#include "proxy/auth/utf8.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

base::Secret encoded(const rapidjson::Value& input, const char* key) {
  const std::string name = text_of(input, "encoding");
  const TextEncoding encoding = name == "latin-1" ? TextEncoding::latin_1
                                : name == "ascii" ? TextEncoding::ascii
                                                  : TextEncoding::utf_8;
  const auto text = encode_text(text_of(input, key), encoding, key);
  REQUIRE(text);
  return *text;
}

base::Secret payload_of(const rapidjson::Value& input, PasswordFormula formula) {
  const base::Secret username = encoded(input, "username");
  const base::Secret password = encoded(input, "password");
  const std::string random = text_of(input, "random");
  PasswordLogin login{username.reveal(), password.reveal(), random, formula, std::nullopt};
  std::string two_factor;
  if (input["twofapass"].IsString()) {
    two_factor = text_of(input, "twofapass");
    login.two_factor = two_factor;
  }
  return password_payload(login);
}

}  // namespace

TEST_CASE("password logins are byte for byte those of working clients") {
  const auto vectors = read_vectors("vsa9.json");
  int checked = 0;
  for (const auto& vector : vectors["vsa_rest_password"].GetArray()) {
    const auto& input = vector["input"];
    if (!input["formula"].IsString()) continue;
    CAPTURE(text_of(vector, "id"));
    const auto formula =
        text_of(input, "formula") == "web" ? PasswordFormula::web : PasswordFormula::documented;
    const base::Secret payload = payload_of(input, formula);
    CHECK(payload.reveal() == text_of(vector, "payload"));
    CHECK(basic_authorization(payload.reveal()).reveal() == text_of(vector, "authorization"));
    CHECK(hashed_username(text_of(input, "username")) == text_of(vector, "hashed_username"));
    ++checked;
  }
  CHECK(checked == 14);
}

TEST_CASE("the mistakes of known clients are not repeated") {
  const auto vectors = read_vectors("vsa9.json");
  int checked = 0;
  for (const auto& vector : vectors["vsa_rest_password"].GetArray()) {
    if (!vector["input"]["formula"].IsNull()) continue;
    CAPTURE(text_of(vector, "id"));
    for (const auto formula : {PasswordFormula::web, PasswordFormula::documented}) {
      const base::Secret payload = payload_of(vector["input"], formula);
      CHECK(payload.reveal() != text_of(vector, "payload"));
    }
    ++checked;
  }
  CHECK(checked == 2);
}

TEST_CASE("token logins are those of working clients") {
  const auto vectors = read_vectors("vsa9.json");
  REQUIRE(vectors["vsa_rest_pat"].Size() == 3);
  for (const auto& vector : vectors["vsa_rest_pat"].GetArray()) {
    const auto& input = vector["input"];
    CAPTURE(text_of(vector, "id"));
    CHECK(token_authorization(text_of(input, "username"), text_of(input, "token")).reveal() ==
          text_of(vector, "authorization"));
  }
}

TEST_CASE("the hashed user name puts the domain first") {
  const auto [typed, hashed] = GENERATE(table<std::string_view, std::string_view>({
      {"svc", "svc"},
      {" svc\n", "svc"},
      {"DOMAIN\\svc", "DOMAIN/svc"},
      {"DOMAIN/svc", "DOMAIN/svc"},
      {"svc@example.com", "example.com/svc"},
      {"first@last@example.com", "example.com/first@last"},
      {"DOMAIN\\svc@example.com", "DOMAIN/svc@example.com"},
      {"DOMAIN/svc@example.com", "DOMAIN/svc@example.com"},
      {"", ""},
  }));
  CHECK(hashed_username(typed) == hashed);
}

TEST_CASE("the documented formula can carry a second factor") {
  const base::Secret payload =
      password_payload({"testuser", "pass", "12345678", PasswordFormula::documented, "123456"});
  CHECK(payload.reveal().ends_with(",rand2=12345678,twofapass=123456"));
}
