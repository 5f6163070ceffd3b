#include "proxy/auth/schemes/veeam_vspc_answer.h"

#include <catch2/catch.hpp>

#include "proxy/auth/schemes/veeam_vspc.h"
#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::chrono;
using base::ErrorKind;

namespace {

constexpr base::Time now{hours(1)};
constexpr sys_seconds wall = sys_days(2026y / January / 1);

base::Result<VspcAnswer> read(int status, std::string_view body, VspcApi api = VspcApi::v3,
                              std::string_view retry_after = "") {
  http::Fields fields;
  if (!retry_after.empty()) fields.add("Retry-After", retry_after);
  return read_vspc_answer(api, {status, &fields, body, wall}, now, "check it");
}

base::Error error_of(base::Result<VspcAnswer> answer) {
  REQUIRE_FALSE(answer);
  return answer.error();
}

Credential credential_of(base::Result<VspcAnswer> answer) {
  REQUIRE(answer);
  REQUIRE(std::holds_alternative<Credential>(*answer));
  return std::get<Credential>(std::move(*answer));
}

// What the class of a vector means here.
void check_vector(const rapidjson::Value& vector) {
  const std::string expected = text_of(vector, "classify");
  CAPTURE(text_of(vector, "id"));
  const int status = vector["http_status"].GetInt();
  const std::string body = text_of(vector, "body");
  if (expected == "login-ok") {
    const Credential credential = credential_of(read(status, body));
    CHECK(field_value(credential, "Authorization") == "Bearer at");
    CHECK(credential.renewal.reveal() == "rt");
    CHECK(credential.expires == now + hours(1));
  } else if (expected == "mfa-required") {
    CHECK(std::get<VspcMfa>(*read(status, body)).token.reveal() == "mt");
  } else if (expected == "challenge") {
    CHECK(std::get<VspcChallenge>(*read(status, body)).ciphertext.reveal().size() == 256);
  } else if (expected == "login-rejected" || expected == "refresh-rejected") {
    CHECK(error_of(read(status, body)).kind == ErrorKind::login_rejected);
  } else if (expected == "token-expired") {
    CHECK(status == 401);  // of relogin_on; the body is not looked at
    CHECK(veeam_vspc_scheme().session_lost == nullptr);
  } else if (expected == "throttled") {
    const base::Error error = error_of(read(status, body));
    CHECK(error.kind == ErrorKind::login_unavailable);
    CHECK(error.retry_after == seconds(vector["retry_after_s"].GetInt()));
  } else {
    REQUIRE(expected == "server-error");
    CHECK(error_of(read(status, body)).kind == ErrorKind::login_unavailable);
  }
}

}  // namespace

TEST_CASE("answers of VSPC servers are told apart") {
  const auto vectors = read_vectors("veeam_vspc.json");
  REQUIRE(vectors["response_classification"].Size() == 8);
  for (const auto& vector : vectors["response_classification"].GetArray()) check_vector(vector);
}

TEST_CASE("a server that is down, throttles or is something else is no rejection") {
  const auto [status, body, kind] = GENERATE(table<int, std::string_view, ErrorKind>({
      {400, R"({"error":"hidden","error_description":"hidden"})", ErrorKind::login_rejected},
      {400, "", ErrorKind::login_rejected},
      {401, R"({"errors":[{"message":"hidden","code":401}]})", ErrorKind::login_rejected},
      {403, "hidden", ErrorKind::login_rejected},
      {404, "<html>hidden</html>", ErrorKind::login_rejected},
      {200, R"({"error":"invalid_grant"})", ErrorKind::login_rejected},
      {429, "", ErrorKind::login_unavailable},
      {500, R"({"error":"invalid_grant"})", ErrorKind::login_unavailable},
      {302, "", ErrorKind::login_unavailable},
      {200, "<html>hidden</html>", ErrorKind::malformed},
      {200, "[]", ErrorKind::malformed},
      {200, "{}", ErrorKind::malformed},
      {204, "", ErrorKind::malformed},
      {200, R"({"access_token":["hidden"]})", ErrorKind::malformed},
      {200, R"({"access_token":"hidden\r\nX: y"})", ErrorKind::malformed},
      {200, R"({"access_token":"t","token_type":"mac"})", ErrorKind::malformed},
      {200, R"({"encrypted_code":"hidden!"})", ErrorKind::malformed},
      {200, R"({"data":{"accessToken":"hidden"}})", ErrorKind::malformed},
  }));
  CAPTURE(status, body);
  const base::Error error = error_of(read(status, body));
  CHECK(error.kind == kind);
  CHECK(error.detail.find("hidden") == std::string::npos);
}

TEST_CASE("the wait of a throttled login stands in the body or in the field, an hour at most") {
  const auto [body, field, expected] = GENERATE(table<std::string_view, std::string_view, int>({
      {R"({"errors":[{"retryAfter":25}]})", "", 25},
      {R"({"errors":[{"retryAfter":25}]})", "7", 25},
      {R"({"errors":[{"retryAfter":99999}]})", "", 3600},
      {R"({"errors":[{"retryAfter":null}]})", "7", 7},
      {R"({"errors":[7]})", "7", 7},
      {R"({"errors":{}})", "7", 7},
      {"", "7", 7},
      {"", "", 0},
  }));
  CAPTURE(body, field);
  const auto wait = error_of(read(429, body, VspcApi::v3, field)).retry_after;
  CHECK(wait == (expected > 0 ? std::optional<milliseconds>(seconds(expected)) : std::nullopt));
}

TEST_CASE("a rejection names the known error and what to do") {
  CHECK(error_of(read(400, R"({"error":"invalid_request"})")).detail ==
        "the login was rejected (HTTP 400, invalid_request): check it");
  CHECK(error_of(read(404, "")).detail ==
        "the login was rejected (HTTP 404): check the upstream's url, base and api");
}

TEST_CASE("the older calls answer in data, an object or a list, with the end as a date") {
  const auto [body, api] = GENERATE(table<std::string_view, VspcApi>({
      {R"({"data":{"accessToken":"t","refreshToken":"r","mfaToken":null,
           "expirationTime":"2026-01-01T01:00:00.0000000+01:00"}})",
       VspcApi::v2},
      {R"({"data":[{"accessToken":"t","refreshToken":"r","expirationTime":"2026-01-01T00:00:00Z"}]})",
       VspcApi::v2},
      {R"({"data":{"token":"t","refreshToken":"r"}})", VspcApi::v1},
  }));
  const Credential credential = credential_of(read(200, body, api));
  CHECK(field_value(credential, "Authorization") == "Bearer t");
  CHECK(credential.renewal.reveal() == "r");
  CHECK_FALSE(credential.expires);  // in the past, or none
}

TEST_CASE("an end that lies ahead is kept against the server's clock") {
  const Credential credential = credential_of(
      read(200, R"({"data":[{"accessToken":"t","expirationTime":"2026-01-01T02:00:00+01:00"}]})",
           VspcApi::v2));
  CHECK(credential.expires == now + hours(1));
}

TEST_CASE("a grant is unknown only if the server says so") {
  const http::Fields fields;
  const auto is_unknown = [&fields](int status, std::string_view body) {
    return is_unknown_grant({status, &fields, body, wall});
  };
  CHECK(is_unknown(400, R"({"error":"unsupported_grant_type"})"));
  CHECK_FALSE(is_unknown(400, R"({"error":"invalid_request"})"));
  CHECK_FALSE(is_unknown(520, R"({"error":"unsupported_grant_type"})"));
  CHECK_FALSE(is_unknown(400, "unsupported_grant_type"));
}
