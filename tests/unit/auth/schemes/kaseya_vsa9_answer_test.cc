#include "proxy/auth/schemes/kaseya_vsa9_answer.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::chrono;
using base::ErrorKind;

namespace {

constexpr base::Time now{hours(1)};
constexpr sys_seconds wall = sys_days(2026y / January / 1);
constexpr std::string_view date = "Thu, 01 Jan 2026 00:00:00 GMT";

struct Answer {
  int status = 200;
  std::string body;
  std::string date = {};
  std::string retry_after = {};
};

base::Result<Credential> read(const Answer& answer) {
  http::Fields fields;
  if (!answer.date.empty()) fields.add("Date", answer.date);
  if (!answer.retry_after.empty()) fields.add("Retry-After", answer.retry_after);
  LoginResponse response{answer.status, &fields, answer.body, wall};
  return read_vsa9_login(response, now, "password");
}

std::string success_with(std::string_view result) {
  return fmt::format(R"({{"Result":{{{}}},"ResponseCode":0,"Status":"OK","Error":"None"}})",
                     result);
}

std::string token_until(std::string_view expiration) {
  return success_with(fmt::format(R"("Token":"1","SessionExpiration":"{}")", expiration));
}

void check_vector(const rapidjson::Value& vector) {
  const std::string expected = text_of(vector, "classify");
  const Answer answer{vector["http_status"].GetInt(), text_of(vector, "body"), std::string(date)};
  CAPTURE(text_of(vector, "id"));
  if (expected == "login-ok") {
    const auto credential = read(answer);
    REQUIRE(credential);
    CHECK(field_value(*credential, "Authorization") == "Bearer " + text_of(vector, "token"));
    CHECK_FALSE(credential->expires);  // missing, or years away
  } else if (expected == "login-rejected") {
    const auto credential = read(answer);
    REQUIRE_FALSE(credential);
    CHECK(credential.error().kind == ErrorKind::login_rejected);
  } else {
    const bool lost = says_vsa9_session_lost({answer.status, "application/json", answer.body});
    // Status 401 counts by itself, through relogin_on.
    CHECK((lost || answer.status == 401) == (expected == "token-expired"));
  }
}

}  // namespace

TEST_CASE("answers of VSA servers are told apart") {
  const auto vectors = read_vectors("vsa9.json");
  const auto& answers = vectors["response_classification"]["vsa_rest"];
  REQUIRE(answers.Size() == 14);
  for (const auto& vector : answers.GetArray()) check_vector(vector);
}

TEST_CASE("the token is read as text, from Token or else ApiToken") {
  const auto [result, token] = GENERATE(table<std::string_view, std::string_view>({
      {R"("Token":"1")", "1"},
      {R"("Token":76050000)", "76050000"},
      {R"("Token":12345678901234567890123456)", "12345678901234567890123456"},
      {R"("Token":"","ApiToken":"2")", "2"},
      {R"("Token":null,"ApiToken":34)", "34"},
      {R"("ApiToken":"2")", "2"},
      {R"("Token":"1","ApiToken":"2")", "1"},
  }));
  const auto credential = read({200, success_with(result)});
  REQUIRE(credential);
  REQUIRE(credential->fields.size() == 1);
  CHECK(field_value(*credential, "Authorization") == fmt::format("Bearer {}", token));
}

TEST_CASE("a byte order mark, white space and a code as text do not hide a success") {
  const auto body =
      GENERATE(as<std::string>(), "\xEF\xBB\xBF{\"ResponseCode\":0,\"Result\":{\"Token\":\"1\"}}",
               " \r\n{\"ResponseCode\":\"0\",\"Result\":{\"Token\":\"1\"}}\r\n ",
               "{\"ResponseCode\":0,\"Error\":\"p\xE4ss\",\"Result\":{\"Token\":\"1\"}}");
  CHECK(read({200, body}));
}

TEST_CASE("a token that fits into no field is malformed") {
  const auto token =
      GENERATE("a b", "a\\r\\nHost: evil", "a\\u0000", "\\u00e4", "a\\tb", "\\u007f");
  const auto credential = read({200, success_with(fmt::format(R"("Token":"{}")", token))});
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::malformed);
}

TEST_CASE("what the server read and refuses is rejected") {
  const auto [status, body] = GENERATE(table<int, std::string>({
      {200, R"({"ResponseCode":4000002})"},
      {200, R"({"ResponseCode":"4000002"})"},
      {200, R"({"ResponseCode":-1,"Result":{"Token":"1"}})"},
      {200, R"({"ResponseCode":401,"Status":"OK","Error":"None"})"},
      {200, R"({"ResponseCode":0})"},
      {200, R"({"ResponseCode":0,"Result":null})"},
      {200, R"({"ResponseCode":0,"Result":{"Token":true}})"},
      {200, R"({"ResponseCode":0,"Result":[{"Token":"1"}]})"},
      {200, "Auth header is missing user parameter"},
      {200, "\"Missing Authorization Header\""},
      {400, ""},
      {401, "<html>"},
      {403, R"({"ResponseCode":403})"},
      {404, "not found"},
      {407, ""},
      {500, R"({"ResponseCode":4000002})"},
      {429, R"({"ResponseCode":4000002})"},
  }));
  CAPTURE(status, body);
  const auto credential = read({status, body});
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::login_rejected);
  CHECK(credential.error().detail.find(std::to_string(status)) != std::string::npos);
}

TEST_CASE("what may pass is unavailable") {
  const auto status = GENERATE(408, 425, 429, 500, 502, 503, 504, 599, 301, 302, 304, 307, 308);
  CAPTURE(status);
  const auto credential = read({status, R"({"ResponseCode":503,"Result":{"Token":"1"}})"});
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::login_unavailable);
  CHECK_FALSE(credential.error().retry_after);
  CHECK((credential.error().detail.find("redirect") != std::string::npos) == (status < 400));
}

TEST_CASE("a wait that the server asks for is kept, up to an hour") {
  const auto [field, wait] = GENERATE(table<std::string, seconds>({
      {"7", 7s},
      {"0", 0s},
      {"86400", 3600s},
      {"99999999999999999999999", 3600s},
      {"Thu, 01 Jan 2026 00:02:00 GMT", 120s},
      {"Thu, 01 Jan 2099 00:02:00 GMT", 3600s},
      {"Thu, 01 Jan 1998 00:02:00 GMT", 0s},
  }));
  CAPTURE(field);
  const auto credential = read({503, "", std::string(date), field});
  REQUIRE_FALSE(credential);
  CHECK(credential.error().retry_after == wait);
}

TEST_CASE("what is no answer of a VSA server is malformed") {
  const auto [status, body] = GENERATE(table<int, std::string>({
      {200, ""},
      {204, ""},
      {200, "<html>welcome</html>"},
      {200, "{\"ResponseCode\":0,\"Result\":{\"Token\":\"760"},
      {200, "[]"},
      {200, "0"},
      {200, "{}"},
      {200, "{\"Result\":{\"Token\":\"1\"}}"},
      {200, "{\"ResponseCode\":null}"},
      {200, "{\"ResponseCode\":0.5}"},
      {200, "{\"ResponseCode\":\"zero\"}"},
      {200, "{\"ResponseCode\":\"\"}"},
      {200, std::string("{\"ResponseCode\":0,\"Result\":{\"Token\":\"1\"}}\0x", 43)},
      {200, "{\"ResponseCode\":0,\"Result\":{\"Token\":\"1\"}} x"},
      {0, "{\"ResponseCode\":0,\"Result\":{\"Token\":\"1\"}}"},
      {101, "{\"ResponseCode\":0,\"Result\":{\"Token\":\"1\"}}"},
      {600, ""},
  }));
  CAPTURE(status, body);
  const auto credential = read({status, body});
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == ErrorKind::malformed);
}

TEST_CASE("no error repeats what the server wrote") {
  const std::string secret = "s3cr3t";
  const auto status = GENERATE(200, 302, 401, 403, 500);
  for (const std::string& body :
       {fmt::format(R"({{"ResponseCode":1,"Error":"{}","Status":"{}"}})", secret, secret), secret,
        success_with("\"Token\":\"" + secret + " \"")}) {
    const auto credential = read({status, body});
    REQUIRE_FALSE(credential);
    CHECK(credential.error().detail.find(secret) == std::string::npos);
  }
}

TEST_CASE("the session's end counts from the server's own clock") {
  const std::string body = token_until("2026-01-01T00:30:00Z");
  CHECK(read({200, body})->expires == now + 30min);
  CHECK(read({200, body, "Thu, 01 Jan 2026 00:10:00 GMT"})->expires == now + 20min);
  CHECK(read({200, body, "Wed, 31 Dec 2025 23:00:00 GMT"})->expires == now + 90min);
  CHECK(read({200, body, "yesterday"})->expires == now + 30min);
}

TEST_CASE("an end that cannot be is ignored") {
  const auto expiration = GENERATE("2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z",
                                   "2026-01-08T00:00:01Z", "9999-12-31T23:59:59Z",
                                   "0001-01-01T00:00:00Z", "soon", "", "2026-01-01T00:30:00+02:00");
  CAPTURE(expiration);
  const auto credential = read({200, token_until(expiration), std::string(date)});
  REQUIRE(credential);
  CHECK_FALSE(credential->expires);
}

TEST_CASE("an end a week away still counts") {
  CHECK(read({200, token_until("2026-01-08T00:00:00.000")})->expires == now + days(7));
}

TEST_CASE("a session is lost when the top-level code says so, and never else") {
  const auto [status, body, lost] = GENERATE(table<int, std::string, bool>({
      {200, R"({"ResponseCode":401})", true},
      {200, R"({"ResponseCode":"401","Status":"OK"})", true},
      {200, R"({"Result":{"Note":"x"},"ResponseCode":401})", true},
      {299, R"({"ResponseCode":401})", true},
      {200, R"({"Result":{"ResponseCode":401},"ResponseCode":0})", false},
      {200, R"({"Result":{"ResponseCode":401}})", false},
      {200, R"([{"ResponseCode":401}])", false},
      {200, R"({"Note":"\"ResponseCode\":401"})", false},
      {200, R"({"ResponseCode":4010})", false},
      {200, R"({"ResponseCode":401.0})", false},
      {200, R"({"ResponseCode":403})", false},
      {200, R"({"responsecode":401})", false},
      {200, R"({"ResponseCode":401)", false},
      {200, R"({"ResponseCode":401}x)", false},
      {200, std::string("{\"ResponseCode\":401}\0x", 22), false},
      {200, "", false},
      {500, R"({"ResponseCode":401})", false},
      {302, R"({"ResponseCode":401})", false},
  }));
  CAPTURE(status, body);
  CHECK(says_vsa9_session_lost({status, "application/json", body}) == lost);
}

TEST_CASE("deep nesting is read without a stack") {
  const std::string deep = "{\"ResponseCode\":401,\"Result\":" + std::string(100'000, '[') +
                           std::string(100'000, ']') + "}";
  CHECK(says_vsa9_session_lost({200, "application/json", deep}));
  CHECK_FALSE(says_vsa9_session_lost({200, "application/json", std::string(200'000, '[')}));
}
