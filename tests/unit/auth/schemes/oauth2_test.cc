#include "proxy/auth/schemes/oauth2.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using base::ErrorKind;

namespace {

constexpr base::Time now{std::chrono::hours(1)};

struct Setup {
  Texts texts;
  Texts secrets;
  base::TextList scopes;
  base::TextMap params;
};

base::FieldValues values_from(const Setup& setup) {
  Texts texts = {{"token_url", "https://login.example.net/oauth2/token?tenant=1"},
                 {"client_id", "legacy bridge"}};
  texts.insert(texts.end(), setup.texts.begin(), setup.texts.end());
  base::FieldValues values = values_of(oauth2_scheme(), texts, setup.secrets);
  if (!setup.scopes.empty()) values.set_list("scopes", setup.scopes);
  if (!setup.params.empty()) values.set_map("params", setup.params);
  return values;
}

std::unique_ptr<Scheme> scheme_from(const Setup& setup) {
  const base::FieldValues values = values_from(setup);
  SchemeInput input;
  input.values = &values;
  for (const auto& [key, value] : setup.secrets) {
    input.secrets.emplace(std::string(key), base::Secret(value));
  }
  auto scheme = oauth2_scheme().make(std::move(input));
  REQUIRE(scheme);
  return std::move(*scheme);
}

LoginRequest request_of(const base::Result<Step>& step) {
  REQUIRE(step);
  REQUIRE(std::holds_alternative<LoginRequest>(*step));
  return std::get<LoginRequest>(*step);
}

base::Result<Credential> read(int status, std::string_view body) {
  const http::Fields fields;
  return read_oauth2_answer({status, &fields, body, {}}, now);
}

base::Result<Step> answer(Scheme& scheme, int status, std::string_view body) {
  const http::Fields fields;
  return scheme.on_response({status, &fields, body, {}}, now);
}

std::string fault_of(const Setup& setup) { return oauth2_scheme().fault(values_from(setup)); }

const Setup machine = {{}, {{"client_secret", "s&cret:1"}}, {}, {}};

}  // namespace

TEST_CASE("client_credentials sends the client as Basic, both parts form-encoded") {
  const auto request = request_of(scheme_from(machine)->start(now, nullptr));
  CHECK(request.method == "POST");
  CHECK(request.target == "/oauth2/token?tenant=1");
  CHECK(request.content_type == "application/x-www-form-urlencoded");
  CHECK(request.body.reveal() == "grant_type=client_credentials");
  // base64 of "legacy+bridge:s%26cret%3A1" (RFC 6749, 2.3.1)
  CHECK(field_value(request, "Authorization") == "Basic bGVnYWN5K2JyaWRnZTpzJTI2Y3JldCUzQTE=");
  CHECK(request.spends_budget);
}

TEST_CASE("client_auth: body, scopes and params go into the form") {
  Setup setup = machine;
  setup.texts = {{"client_auth", "body"}};
  setup.scopes = {"tickets.read", "time"};
  setup.params = {{"audience", "https://api.example.net"}};
  const auto request = request_of(scheme_from(setup)->start(now, nullptr));
  CHECK(request.body.reveal() ==
        "grant_type=client_credentials&scope=tickets.read+time&audience=https%3A%2F%2Fapi.example."
        "net&client_id=legacy+bridge&client_secret=s%26cret%3A1");
  CHECK(field_value(request, "Authorization").empty());
}

TEST_CASE(
    "the password grant sends user name and password, without a client secret if there is none") {
  const Setup setup = {{{"grant", "password"}, {"username", "u&1"}}, {{"password", "p=w"}}, {}, {}};
  const auto request = request_of(scheme_from(setup)->start(now, nullptr));
  CHECK(request.body.reveal() ==
        "grant_type=password&username=u%261&password=p%3Dw&client_id=legacy+bridge");
}

TEST_CASE("a token answer becomes a Bearer credential with its end and its refresh token") {
  const auto credential = read(
      200,
      R"({"access_token":"a.b-c","token_type":"bearer","expires_in":3600,"refresh_token":"r"})");
  REQUIRE(credential);
  CHECK(field_value(*credential, "Authorization") == "Bearer a.b-c");
  CHECK(credential->expires == now + std::chrono::hours(1));
  CHECK(credential->renewal.reveal() == "r");
}

TEST_CASE("a lifetime may be text, have a fraction, be missing or make no sense") {
  const auto [written, expected] = GENERATE(table<std::string_view, int>({
      {R"(,"expires_in":"60")", 60},
      {R"(,"expires_in":60.9)", 60},
      {"", 0},
      {R"(,"expires_in":0)", 0},
      {R"(,"expires_in":-5)", 0},
      {R"(,"expires_in":"soon")", 0},
      {R"(,"expires_in":99999999999999999999)", 0},
      {R"(,"expires_in":null)", 0},
  }));
  CAPTURE(written);
  const auto credential = read(200, fmt::format(R"({{"access_token":"t"{}}})", written));
  REQUIRE(credential);
  const auto seconds = std::chrono::seconds(expected);
  CHECK(credential->expires == (expected > 0 ? std::optional(now + seconds) : std::nullopt));
}

TEST_CASE("answers of the token endpoint are told apart") {
  const auto [status, body, kind] = GENERATE(table<int, std::string_view, ErrorKind>({
      {400, R"({"error":"invalid_grant","error_description":"hidden"})", ErrorKind::login_rejected},
      {401, R"({"error":"invalid_client"})", ErrorKind::login_rejected},
      {200, R"({"error":"access_denied"})", ErrorKind::login_rejected},
      {400, R"({"error":"hidden"})", ErrorKind::login_rejected},
      {404, "<html>hidden</html>", ErrorKind::login_rejected},
      {429, "", ErrorKind::login_unavailable},
      {408, "", ErrorKind::login_unavailable},
      {503, R"({"error":"invalid_grant"})", ErrorKind::login_unavailable},
      {302, "", ErrorKind::login_unavailable},
      {200, "<html>hidden</html>", ErrorKind::malformed},
      {200, "{}", ErrorKind::malformed},
      {200, R"({"access_token":""})", ErrorKind::malformed},
      {200, R"({"access_token":["hidden"]})", ErrorKind::malformed},
      {200, R"({"access_token":"hidden\r\nX: y"})", ErrorKind::malformed},
      {200, R"({"access_token":"t","token_type":"mac"})", ErrorKind::malformed},
      {200, R"({"access_token":"hidden")", ErrorKind::malformed},
      {204, "", ErrorKind::malformed},
  }));
  CAPTURE(status, body);
  const auto credential = read(status, body);
  REQUIRE_FALSE(credential);
  CHECK(credential.error().kind == kind);
  CHECK(credential.error().detail.find("hidden") == std::string::npos);
}

TEST_CASE("a refresh token renews without spending the budget, and the newest is kept") {
  Credential former;
  former.renewal = base::Secret("old&token");
  const auto scheme = scheme_from(machine);
  const auto request = request_of(scheme->start(now, &former));
  CHECK(request.body.reveal() == "grant_type=refresh_token&refresh_token=old%26token");
  CHECK_FALSE(request.spends_budget);
  SECTION("a rotated one replaces it") {
    const auto step = answer(*scheme, 200, R"({"access_token":"t","refresh_token":"new"})");
    REQUIRE(step);
    CHECK(std::get<Credential>(*step).renewal.reveal() == "new");
  }
  SECTION("without a new one it stays") {
    const auto step = answer(*scheme, 200, R"({"access_token":"t"})");
    REQUIRE(step);
    CHECK(std::get<Credential>(*step).renewal.reveal() == "old&token");
  }
  SECTION("refused, it is followed by one whole login") {
    const auto whole = request_of(answer(*scheme, 400, R"({"error":"invalid_grant"})"));
    CHECK(whole.body.reveal() == "grant_type=client_credentials");
    CHECK(whole.spends_budget);
    const auto last = answer(*scheme, 400, R"({"error":"invalid_client"})");
    REQUIRE_FALSE(last);
    CHECK(last.error().kind == ErrorKind::login_rejected);
  }
  SECTION("a server that is down is no refusal") {
    const auto step = answer(*scheme, 503, "");
    REQUIRE_FALSE(step);
    CHECK(step.error().kind == ErrorKind::login_unavailable);
  }
}

TEST_CASE("the refresh_token grant begins with the configured one and falls back to it") {
  const Setup setup = {{{"grant", "refresh_token"}}, {{"refresh_token", "first"}}, {}, {}};
  const auto scheme = scheme_from(setup);
  CHECK(request_of(scheme->start(now, nullptr)).body.reveal().find("refresh_token=first") !=
        std::string::npos);
  Credential former;
  former.renewal = base::Secret("second");
  const auto later = scheme_from(setup);
  CHECK(request_of(later->start(now, &former)).body.reveal().find("refresh_token=second") !=
        std::string::npos);
  CHECK(request_of(answer(*later, 400, "{}")).body.reveal().find("refresh_token=first") !=
        std::string::npos);
  former.renewal = base::Secret("first");
  const auto same = scheme_from(setup);
  CHECK(request_of(same->start(now, &former)).body.reveal() != "");
  CHECK_FALSE(answer(*same, 400, "{}"));
}

TEST_CASE("keys that a grant lacks or never reads are said") {
  CHECK(fault_of(machine).empty());
  CHECK(fault_of({}) == "needs client_secret for grant: client_credentials");
  CHECK(fault_of({{{"grant", "password"}}, {{"password", "p"}}, {}, {}}) ==
        "needs username for grant: password");
  CHECK(fault_of({{{"grant", "refresh_token"}}, {}, {}, {}}) ==
        "needs refresh_token for grant: refresh_token");
  Setup both = machine;
  both.texts = {{"username", "u"}};
  CHECK(fault_of(both) ==
        "has username, which only grant: password reads: remove it, or change the grant");
  Setup params = machine;
  params.params = {{"Grant_Type", "password"}};
  CHECK(fault_of(params) == "has \"Grant_Type\" among its params, which has a key of its own");
}

TEST_CASE("scopes have none of the characters that would make two of one") {
  for (const base::Field& field : oauth2_scheme().fields) {
    if (field.key != "scopes") continue;
    CHECK(field.fault("https://x/.default") == "");
    CHECK(field.fault("a b") != "");
    CHECK(field.fault("a\"b") != "");
  }
}
