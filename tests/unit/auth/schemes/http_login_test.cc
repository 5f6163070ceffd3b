#include "proxy/auth/schemes/http_login.h"

#include <catch2/catch.hpp>

#include "proxy/auth/schemes/http_login_answer.h"
#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using base::ErrorKind;
using std::chrono::seconds;

namespace {

constexpr base::Time now{std::chrono::hours(1)};
const std::string nasty = "p\"w\\&=\xC3\xA4 {{username}}";

struct Setup {
  Texts texts;
  base::TextMap headers;
  std::string secret = nasty;
};

base::FieldValues values_from(const Setup& setup) {
  Texts texts = {{"request.url", "https://odd.example.org/session?x=1"}, {"username", "svc"}};
  texts.insert(texts.end(), setup.texts.begin(), setup.texts.end());
  base::FieldValues values = values_of(http_login_scheme(), texts, {{"secret", setup.secret}});
  if (!setup.headers.empty()) values.set_map("request.headers", setup.headers);
  return values;
}

base::Result<LoginRequest> login(const Setup& setup) {
  const base::FieldValues values = values_from(setup);
  SchemeInput input;
  input.values = &values;
  input.secrets.emplace("secret", base::Secret(setup.secret));
  auto scheme = http_login_scheme().make(std::move(input));
  REQUIRE(scheme);
  auto step = (*scheme)->start(now, nullptr);
  if (!step) return base::fail(step.error());
  return std::get<LoginRequest>(*step);
}

std::string fault_of(const Setup& setup) { return http_login_scheme().fault(values_from(setup)); }

AnswerRecipe recipe() {
  AnswerRecipe recipe;
  recipe.token_in_body = true;
  recipe.token_pointer = "/data/token";
  recipe.rejected_status = {400, 401, 403};
  recipe.inject_header = "X-Auth";
  recipe.inject_value = "Session {{token}}";
  return recipe;
}

base::Result<Credential> read(const AnswerRecipe& recipe, int status, std::string_view body,
                              const http::Fields& fields = {}) {
  return read_http_login(recipe, {status, &fields, body, {}}, now);
}

}  // namespace

TEST_CASE("a JSON login keeps the secret inside its string") {
  const auto request =
      login({{{"request.body", R"({"user":"{{username}}","n":5,"pass":["{{secret}}"]})"}}, {}});
  REQUIRE(request);
  CHECK(request->method == "POST");
  CHECK(request->target == "/session?x=1");
  CHECK(request->content_type == "application/json");
  CHECK(request->body.reveal() ==
        "{\"user\":\"svc\",\"n\":5,\"pass\":[\"p\\\"w\\\\&=\xC3\xA4 {{username}}\"]}");
}

TEST_CASE("a form login encodes what is filled in and what stands around it") {
  const auto request = login({{{"request.body", R"({"u s":"a&{{username}}","p":"{{secret}}"})"}},
                              {{"content-type", "application/x-www-form-urlencoded"}}});
  REQUIRE(request);
  CHECK(request->content_type == "application/x-www-form-urlencoded");
  CHECK(request->body.reveal() == "u+s=a%26svc&p=p%22w%5C%26%3D%C3%A4+%7B%7Busername%7D%7D");
}

TEST_CASE("a text body and fields take a secret of one line as it is") {
  const Setup setup = {{{"request.body", R"("login {{username}}:{{secret}}")"}},
                       {{"X-Key", "k {{secret}}"}},
                       "s3cret"};
  const auto request = login(setup);
  REQUIRE(request);
  CHECK(request->body.reveal() == "login svc:s3cret");
  CHECK(request->content_type == "text/plain; charset=utf-8");
  CHECK(field_value(*request, "X-Key") == "k s3cret");
}

TEST_CASE("a secret that would break a field or a text body is never sent") {
  const Setup field = {{}, {{"X-Key", "{{secret}}"}}, "a\r\nHost: evil"};
  const Setup text = {{{"request.body", R"("{{secret}}")"}}, {}, "a\nb"};
  for (const Setup& setup : {field, text}) {
    const auto request = login(setup);
    REQUIRE_FALSE(request);
    CHECK(request.error().kind == ErrorKind::configuration);
    CHECK(request.error().detail.find("evil") == std::string::npos);
  }
}

TEST_CASE("a login without a body has no content type") {
  const auto request = login({{{"request.method", "GET"}}, {}, "s"});
  REQUIRE(request);
  CHECK(request->method == "GET");
  CHECK(request->body.empty());
  CHECK(request->content_type.empty());
}

TEST_CASE("what a recipe lacks or says twice is said") {
  const auto with = [](Texts texts, base::TextMap headers = {}) {
    return fault_of({std::move(texts), std::move(headers), "s"});
  };
  CHECK(with({{"token.pointer", "/t"}}).empty());
  CHECK(with({}).starts_with("needs token:"));
  CHECK(with({{"token.pointer", "/t"}, {"token.header", "X"}}).starts_with("has both token."));
  CHECK(with({{"token.header", "X"}, {"expires.pointer", "/e"}, {"expires.fixed", "1000"}})
            .starts_with("has both expires."));
  CHECK(with({{"token.header", "X"}}, {{"Host", "x"}}).starts_with("has \"Host\" among"));
  const base::TextMap form = {{"Content-Type", "application/x-www-form-urlencoded"}};
  CHECK(with({{"token.header", "X"}, {"request.body", R"({"a":{"b":"c"}})"}}, form)
            .starts_with("needs names and texts"));
  CHECK(with({{"token.header", "X"}, {"request.body", R"("<a/>")"}}, {{"Content-Type", "text/xml"}})
            .starts_with("can't fill in an XML"));
}

TEST_CASE("the faults of single keys are found by the table") {
  const auto fault = [](std::string_view key, std::string_view value) {
    for (const base::Field& field : http_login_scheme().fields) {
      if (field.key == key) return field.fault(value);
    }
    return std::string("no such key");
  };
  CHECK(fault("token.pointer", "data/token") != "");
  CHECK(fault("token.pointer", "/data/token") == "");
  CHECK(fault("token.pointer", "") == "");
  CHECK(fault("rejected_status", "401") == "");
  CHECK(fault("rejected_status", "500") != "");
  CHECK(fault("rejected_status", "4011") != "");
  CHECK(fault("inject.value", "Bearer") != "");
  CHECK(fault("inject.value", "{{secret}} {{token}}") != "");
  CHECK(fault("request.body", R"({"a":"{{token}}"})") != "");
}

TEST_CASE("the token is at a JSON pointer, as text or as a number of any length") {
  const auto text = read(recipe(), 200, R"({"data":{"token":"abc"}})");
  REQUIRE(text);
  CHECK(field_value(*text, "X-Auth") == "Session abc");
  const auto number = read(recipe(), 201, R"({"data":{"token":91422713194722770576449885}})");
  REQUIRE(number);
  CHECK(field_value(*number, "X-Auth") == "Session 91422713194722770576449885");
  AnswerRecipe whole = recipe();
  whole.token_pointer = "";
  const auto bare = read(whole, 200, "\"abc\"");
  REQUIRE(bare);
  CHECK(field_value(*bare, "X-Auth") == "Session abc");
}

TEST_CASE("the token may be in a field of an answer without a body") {
  AnswerRecipe by_field = recipe();
  by_field.token_in_body = false;
  by_field.token_header = "X-Session";
  http::Fields fields;
  fields.add("x-session", "abc");
  const auto credential = read(by_field, 204, "", fields);
  REQUIRE(credential);
  CHECK(field_value(*credential, "X-Auth") == "Session abc");
  CHECK(read(by_field, 204, "").error().kind == ErrorKind::login_rejected);
}

TEST_CASE("answers of any login are told apart, and never repeated") {
  const auto [status, body, kind] = GENERATE(table<int, std::string_view, ErrorKind>({
      {401, "hidden", ErrorKind::login_rejected},
      {403, "hidden", ErrorKind::login_rejected},
      {404, "hidden", ErrorKind::login_unavailable},
      {429, "hidden", ErrorKind::login_unavailable},
      {500, "hidden", ErrorKind::login_unavailable},
      {302, "hidden", ErrorKind::login_unavailable},
      {200, "hidden", ErrorKind::malformed},
      {200, "", ErrorKind::malformed},
      {200, R"({"data":{"token":""}})", ErrorKind::login_rejected},
      {200, R"({"data":{"hidden":"x"}})", ErrorKind::login_rejected},
      {200, R"({"data":{"token":{"hidden":1}}})", ErrorKind::login_rejected},
      {200, "{\"data\":{\"token\":\"hidden\\r\\nX: y\"}}", ErrorKind::malformed},
  }));
  CAPTURE(status, body);
  const auto credential = read(recipe(), status, body);
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == kind);
  CHECK(credential.error().detail.find("hidden") == std::string::npos);
}

TEST_CASE("an expiry is a lifetime, a point in time in two spellings, or fixed") {
  constexpr std::chrono::sys_seconds at{seconds(1'700'000'000)};  // 2023-11-14T22:13:20Z
  CHECK(lifetime_of("90", ExpiryForm::seconds, at) == seconds(90));
  CHECK(lifetime_of("1700000060", ExpiryForm::unix, at) == seconds(60));
  CHECK(lifetime_of("1700000060.75", ExpiryForm::unix, at) == seconds(60));
  CHECK(lifetime_of("2023-11-14T22:14:20Z", ExpiryForm::rfc3339, at) == seconds(60));
  CHECK(lifetime_of("2023-11-15T00:14:20.5+02:00", ExpiryForm::rfc3339, at) == seconds(60));
  CHECK(lifetime_of("2023-11-14T19:44:20-02:30", ExpiryForm::rfc3339, at) == seconds(60));
  for (const std::string_view text : {"", "soon", "1699999999", "-1", "99999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(lifetime_of(text, ExpiryForm::unix, at));
  }
  for (const std::string_view text : {"", "2023-11-14T22:13:20Z", "2023-11-14", "+02:00",
                                      "2023-11-15T00:14:20+99:00", "2023-11-15T00:14:20+0x:00"}) {
    CAPTURE(text);
    CHECK_FALSE(lifetime_of(text, ExpiryForm::rfc3339, at));
  }
  AnswerRecipe fixed = recipe();
  fixed.fixed_lifetime = std::chrono::minutes(30);
  const auto credential = read(fixed, 200, R"({"data":{"token":"t"}})");
  REQUIRE(credential);
  CHECK(credential->expires == now + std::chrono::minutes(30));
}
