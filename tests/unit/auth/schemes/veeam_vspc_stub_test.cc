#include "proxy/auth/schemes/veeam_vspc_stub.h"

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "proxy/auth/form.h"
#include "proxy/auth/json.h"
#include "proxy/auth/rsa_key.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

constexpr base::WallTime now{std::chrono::seconds(1'700'000'000)};

struct Call {
  std::string_view method = "POST";
  std::string_view path;
  std::string_view body = {};
  std::string_view failure = {};
};

LocalAnswer answer_to(const Call& call) {
  StubRequest request;
  request.method = call.method;
  request.path = call.path;
  request.body = call.body;
  request.now = now;
  request.expires = now + std::chrono::minutes(30);
  request.failure = call.failure;
  return vspc_stub(request);
}

// The plaintext of a challenge that the vendor's sample key can read.
std::string solved(std::string_view challenge) {
  const auto vectors = read_vectors("veeam_vspc.json");
  const auto key = RsaKey::parse(text_of(vectors["key"], "private_xml"));
  const auto ciphertext = decode_base64(challenge);
  REQUIRE((key && ciphertext));
  const auto plain = key->decrypt(ciphertext->reveal());
  REQUIRE(plain);
  return std::string(plain->reveal());
}

std::string public_key(const char* form) {
  return text_of(read_vectors("veeam_vspc.json")["key"], form);
}

}  // namespace

TEST_CASE("a login of VSPC is answered with every member of the schema") {
  const LocalAnswer answer = answer_to({.path = "/token", .body = "grant_type=password&x=y"});
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json; charset=utf-8");
  CHECK(answer.body ==
        R"({"access_token":"vsaproxy-placeholder-opens-nothing","token_type":"bearer",)"
        R"("refresh_token":"vsaproxy-placeholder-opens-nothing","mfa_token":null,)"
        R"("encrypted_code":null,"expires_in":1800})");
  CHECK(answer_to({.path = "/token"}).body == answer.body);
}

TEST_CASE("a login by key gets a challenge that its owner can solve") {
  for (const std::string_view grant : {"public_key", "private_key"}) {
    FormBody form;
    form.add("grant_type", grant).add("public_key", public_key("public_xml_base64"));
    const base::Secret body = form.take();
    const LocalAnswer answer = answer_to({.path = "/token", .body = body.reveal()});
    CHECK(answer.status == 200);
    rapidjson::Document document;
    REQUIRE(parse_json_object(answer.body, JsonNumbers::as_text, document));
    CHECK(document["access_token"].IsNull());
    CHECK(solved(text_member(document, "encrypted_code")).size() > 8);
  }
  const LocalAnswer older =
      answer_to({.path = "/authentication/asymmetricalgorithm", .body = public_key("public_xml")});
  rapidjson::Document document;
  REQUIRE(parse_json_object(older.body, JsonNumbers::as_text, document));
  CHECK(solved(text_member(document["data"], "challenge")).size() > 8);
}

TEST_CASE("a solution gets tokens, whatever it is") {
  const auto code = "grant_type=authorization_code&code=x";
  CHECK(answer_to({.path = "/token", .body = code}).body.find("\"bearer\"") != std::string::npos);
  CHECK(answer_to({"PATCH", "/authentication/asymmetricalgorithm"}).body ==
        R"({"data":{"accessToken":"vsaproxy-placeholder-opens-nothing",)"
        R"("refreshToken":"vsaproxy-placeholder-opens-nothing","mfaToken":null,)"
        R"("expirationTime":"2023-11-14T22:43:20Z"}})");
  CHECK(answer_to({"PATCH", "/tokens/asymmetricalgorithm"}).body ==
        R"({"data":{"token":"vsaproxy-placeholder-opens-nothing"}})");
}

TEST_CASE("the older password and refresh calls get a list of one") {
  for (const std::string_view path :
       {"/authentication/usernamepassword", "/authentication/refresh"}) {
    const LocalAnswer answer = answer_to({.path = path});
    CHECK(answer.status == 200);
    CHECK(answer.body.starts_with(R"({"data":[{"accessToken":"vsaproxy-placeholder-)"));
    CHECK(answer.body.ends_with(R"("expirationTime":"2023-11-14T22:43:20Z"}]})"));
  }
}

TEST_CASE("a login of VSPC fails as 400 in the shape of its call, never as 401") {
  const LocalAnswer token = answer_to({.path = "/token", .failure = "no \"session\""});
  CHECK(token.status == 400);
  CHECK(token.body ==
        R"({"error":"invalid_request","error_description":"no \"session\"","error_uri":null})");
  const LocalAnswer older =
      answer_to({.path = "/authentication/usernamepassword", .failure = "why"});
  CHECK(older.status == 400);
  CHECK(older.body == R"({"errors":[{"message":"why","type":"unspecified","code":400}]})");
}

TEST_CASE("a challenge can't be made for what is no key") {
  CHECK(answer_to({.path = "/token", .body = "grant_type=public_key&public_key=!"}).status == 400);
  CHECK(answer_to({.path = "/token", .body = "grant_type=public_key"}).status == 400);
  CHECK(answer_to({.path = "/authentication/asymmetricalgorithm"}).status == 400);
  CHECK(answer_to({.path = "/tokens/asymmetricalgorithm", .body = "<x/>"}).status == 400);
}

TEST_CASE("a logout of VSPC succeeds, with a session or without") {
  StubRequest request;
  request.call = LoginCall::logout;
  request.method = "DELETE";
  request.path = "/users/{}/tokens";
  request.failure = "no session";
  CHECK(vspc_stub(request).status == 200);
  CHECK(vspc_stub(request).body == R"({"data":true})");
}
