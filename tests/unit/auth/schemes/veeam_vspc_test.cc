#include "proxy/auth/schemes/veeam_vspc.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::chrono;
using base::ErrorKind;

namespace {

constexpr base::Time now{hours(1)};
constexpr sys_seconds wall{seconds(59)};  // RFC 6238, appendix B
constexpr std::string_view totp_seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

const Texts password_texts = {{"username", "vspc\\administrator"}};
const Texts password_secrets = {{"password", "Pa ss+w&rd=1"}};
const std::string tokens = R"({"access_token":"at","token_type":"bearer","refresh_token":"rt"})";
const std::string mfa = R"({"access_token":null,"mfa_token":"mt-1"})";
const std::string refused = R"({"error":"invalid_request"})";
const std::string unknown_grant = R"({"error":"unsupported_grant_type"})";

std::string vector_form(const char* id) {
  const auto vectors = read_vectors("veeam_vspc.json");
  for (const auto& form : vectors["forms"].GetArray()) {
    if (text_of(form, "id") == id) return text_of(form, "body");
  }
  FAIL("no such vector: " << id);
  return "";
}

std::string vector_key(const char* form) {
  return text_of(read_vectors("veeam_vspc.json")["key"], form);
}

std::string vector_ciphertext(std::size_t index) {
  const auto vectors = read_vectors("veeam_vspc.json");
  return text_of(vectors["decrypt"][static_cast<rapidjson::SizeType>(index)], "ciphertext_base64");
}

// One login, step by step.
class Login {
 public:
  Login(const Texts& texts, const Texts& secrets, const Credential* former = nullptr) {
    auto made = make_scheme(veeam_vspc_scheme(), texts, secrets, 7);
    REQUIRE(made);
    scheme_ = std::move(*made);
    step_.emplace(scheme_->start(now, former));
  }

  void answer(int status, std::string_view body, sys_seconds at = wall) {
    const http::Fields fields;
    step_.emplace(scheme_->on_response({status, &fields, body, at}, now));
  }

  void take_next_code() { step_.emplace(scheme_->next_code()); }

  const LoginRequest& request() const { return last<LoginRequest>(); }
  std::string_view body() const { return request().body.reveal(); }
  const Credential& credential() const { return last<Credential>(); }
  const base::Error& error() const {
    REQUIRE_FALSE(step_->has_value());
    return step_->error();
  }

 private:
  template <class T>
  const T& last() const {
    if (!step_->has_value()) FAIL(step_->error().detail);
    REQUIRE(std::holds_alternative<T>(**step_));
    return std::get<T>(**step_);
  }

  std::unique_ptr<Scheme> scheme_;
  std::optional<base::Result<Step>> step_;
};

Texts key_secrets() {
  static const std::string xml = vector_key("private_xml");
  return {{"private_key", xml}};
}

std::string challenge(std::size_t index = 0) {
  return fmt::format(R"({{"access_token":null,"encrypted_code":"{}"}})", vector_ciphertext(index));
}

Credential former_with(VspcMemory memory) {
  Credential former;
  former.renewal = memory.write();
  return former;
}

std::string fault_of(const Texts& texts, const Texts& secrets) {
  return veeam_vspc_scheme().fault(values_of(veeam_vspc_scheme(), texts, secrets));
}

}  // namespace

TEST_CASE("a password goes as a form to BASE/token") {
  Login login(password_texts, password_secrets);
  CHECK(login.request().method == "POST");
  CHECK(login.request().target == "/api/v3/token");
  CHECK(login.request().content_type == "application/x-www-form-urlencoded");
  CHECK(login.body() == vector_form("veeam-token-password"));
  CHECK(login.request().spends_budget);
  login.answer(200, tokens);
  CHECK(field_value(login.credential(), "Authorization") == "Bearer at");
  CHECK_FALSE(login.credential().expires);
}

TEST_CASE("any 400 for a password is a rejection") {
  for (const std::string& body : {refused, unknown_grant, std::string()}) {
    Login login(password_texts, password_secrets);
    login.answer(400, body);
    CHECK(login.error().kind == ErrorKind::login_rejected);
    CHECK(login.error().detail.find("check username and password") != std::string::npos);
  }
}

TEST_CASE("the second factor is answered with the code of the server's time") {
  Texts secrets = password_secrets;
  secrets.emplace_back("totp", totp_seed);
  Login login(password_texts, secrets);
  login.answer(200, mfa);
  CHECK(login.body() == "grant_type=mfa&mfa_token=mt-1&mfa_code=287082");
  CHECK(login.request().spends_budget);
  SECTION("and yields the tokens") {
    login.answer(200, tokens);
    CHECK(field_value(login.credential(), "Authorization") == "Bearer at");
  }
  SECTION("refused, it is a rejection") {
    login.answer(400, refused);
    CHECK(login.error().kind == ErrorKind::login_rejected);
    CHECK(login.error().detail.find("totp") != std::string::npos);
  }
  SECTION("asked for again, it is not sent again") {
    login.answer(200, mfa);
    CHECK(login.error().kind == ErrorKind::malformed);
  }
}

TEST_CASE("the form of the second factor is that of the vendor") {
  const std::string body = "grant_type=mfa&mfa_token=mt-1&mfa_code=287082";
  CHECK(vector_form("veeam-token-mfa") == body.substr(0, body.size() - 6) + "123456");
}

TEST_CASE("a request with a one-time code says when the next one comes, and is made with it") {
  Texts secrets = password_secrets;
  secrets.emplace_back("totp", totp_seed);
  Login login(password_texts, secrets);
  CHECK_FALSE(login.request().code);
  login.answer(200, mfa, sys_seconds(seconds(52)));
  REQUIRE(login.request().code);
  CHECK(login.request().code->step == 1);
  CHECK(login.request().code->left == seconds(8));
  const std::string first(login.body());
  login.take_next_code();
  CHECK(login.body().starts_with("grant_type=mfa&mfa_token=mt-1&mfa_code="));
  CHECK(login.body() != first);
  CHECK(login.request().code->step == 2);
  CHECK(login.request().code->left == seconds(30));
}

TEST_CASE("without totp a second factor is a rejection that says what to do") {
  Login login(password_texts, password_secrets);
  login.answer(200, mfa);
  CHECK(login.error().kind == ErrorKind::login_rejected);
  CHECK(login.error().detail.find("give its key as totp") != std::string::npos);
}

TEST_CASE("a private key solves the challenge made for its public half") {
  Login login({}, key_secrets());
  CHECK(login.request().target == "/api/v3/token");
  CHECK(login.body() == vector_form("veeam-token-public-key"));
  CHECK(login.request().spends_budget);
  login.answer(200, challenge());
  CHECK(login.body() == vector_form("veeam-token-authorization-code"));
  login.answer(200, tokens);
  CHECK(field_value(login.credential(), "Authorization") == "Bearer at");
}

TEST_CASE("keys log in as .NET XML and as PEM alike") {
  for (const char* form : {"private_xml", "private_pem_pkcs8", "private_pem_pkcs1"}) {
    const std::string text = vector_key(form);
    Login login({}, {{"private_key", text}});
    CHECK(login.body() == vector_form("veeam-token-public-key"));
  }
}

TEST_CASE("a solution that is no text is sent as base64") {
  Login login({}, key_secrets());
  login.answer(200, challenge(1));
  CHECK(login.body() ==
        "grant_type=authorization_code&code=Zmh6rfhivXdsj8GLjp%2BOIAiXFIVu4jOzkCpZHQ1fKSU%3D");
}

TEST_CASE("a challenge that was made in another way is no rejection") {
  Login login({}, key_secrets());
  login.answer(200, challenge(2));
  CHECK(login.error().kind == ErrorKind::malformed);
}

TEST_CASE("grant: auto tries the other name once if the server does not know the first") {
  Login login({}, key_secrets());
  login.answer(400, unknown_grant);
  CHECK(login.body() == vector_form("veeam-token-private-key"));
  SECTION("and remembers the one that is known") {
    login.answer(200, challenge());
    login.answer(200, tokens);
    Credential former = login.credential();
    VspcMemory memory = VspcMemory::read(former.renewal.reveal());
    CHECK(memory.grant == VspcGrant::private_key);
    memory.refresh_token = {};
    former.renewal = memory.write();
    Login next({}, key_secrets(), &former);
    CHECK(next.body() == vector_form("veeam-token-private-key"));
    next.answer(400, unknown_grant);  // the server was updated
    CHECK(next.body() == vector_form("veeam-token-public-key"));
  }
  SECTION("but not a third time") {
    login.answer(400, unknown_grant);
    CHECK(login.error().kind == ErrorKind::login_rejected);
  }
}

TEST_CASE("a grant that is written is the only one tried") {
  for (const auto& [grant, form] : {std::pair("public_key", "veeam-token-public-key"),
                                    std::pair("private_key", "veeam-token-private-key")}) {
    Login login({{"grant", grant}}, key_secrets());
    CHECK(login.body() == vector_form(form));
    login.answer(400, unknown_grant);
    CHECK(login.error().kind == ErrorKind::login_rejected);
  }
}

TEST_CASE("a key or a solution that is refused is a rejection, unless the challenge had ended") {
  Login login({}, key_secrets());
  SECTION("the key") {
    login.answer(400, refused);
    CHECK(login.error().kind == ErrorKind::login_rejected);
    CHECK(login.error().detail.find("assigned to a user") != std::string::npos);
  }
  SECTION("the solution, in time") {
    login.answer(200, challenge());
    login.answer(400, refused, wall + seconds(29));
    CHECK(login.error().kind == ErrorKind::login_rejected);
  }
  SECTION("the solution, too late") {
    login.answer(200, challenge());
    login.answer(400, refused, wall + seconds(30));
    CHECK(login.error().kind == ErrorKind::login_unavailable);
  }
}

TEST_CASE("the calls up to 3.5.1 bring raw bytes") {
  Login login({{"api", "v2"}}, key_secrets());
  CHECK(login.request().method == "POST");
  CHECK(login.request().target == "/api/v3/authentication/asymmetricalgorithm");
  CHECK(login.request().content_type == "application/octet-stream");
  CHECK(login.body() == vector_key("public_xml"));
  login.answer(200, fmt::format(R"({{"data":{{"challenge":"{}"}}}})", vector_ciphertext(1)));
  CHECK(login.request().method == "PATCH");
  CHECK(login.body().size() == 32);
  login.answer(200, R"({"data":{"accessToken":"at","refreshToken":"rt"}})");
  const Credential former = login.credential();
  Login next({{"api", "v2"}}, key_secrets(), &former);
  CHECK(next.request().target == "/api/v3/authentication/refresh");
  CHECK(next.body().find("name=\"refreshToken\"\r\n\r\nrt\r\n") != std::string_view::npos);
  CHECK_FALSE(next.request().spends_budget);
}

TEST_CASE("the calls of the sample code have no base and no refresh") {
  Login login({{"api", "v1"}}, key_secrets());
  CHECK(login.request().target == "/tokens/asymmetricalgorithm");
  login.answer(200, fmt::format(R"({{"data":{{"challenge":"{}"}}}})", vector_ciphertext(0)));
  CHECK(login.request().method == "PATCH");
  CHECK(login.request().target == "/tokens/asymmetricalgorithm");
  CHECK(login.body() == "VSPC-challenge-0123456789");
  login.answer(200, R"({"data":{"token":"at"}})");
  const Credential former = login.credential();
  CHECK(field_value(former, "Authorization") == "Bearer at");
  Login next({{"api", "v1"}}, key_secrets(), &former);
  CHECK(next.request().target == "/tokens/asymmetricalgorithm");
}

TEST_CASE("a password up to 3.5.1 goes as multipart, and gets no one-time code") {
  Texts texts = password_texts;
  texts.emplace_back("api", "v2");
  Login login(texts, password_secrets);
  CHECK(login.request().target == "/api/v3/authentication/usernamepassword");
  CHECK(login.request().content_type ==
        "multipart/form-data; boundary=form-00000007000000070000000700000007");
  CHECK(login.body().find("name=\"password\"\r\n\r\nPa ss+w&rd=1\r\n") != std::string_view::npos);
  login.answer(200, R"({"data":[{"accessToken":null,"mfaToken":"mt"}]})");
  CHECK(login.error().kind == ErrorKind::login_rejected);
}

TEST_CASE("a refresh token of VSPC renews without spending the budget, the newest one is kept") {
  const Credential former =
      former_with({.refresh_token = base::Secret("rt/abc+def=="), .grant = {}});
  Login login(password_texts, password_secrets, &former);
  CHECK(login.body() == vector_form("veeam-token-refresh"));
  CHECK_FALSE(login.request().spends_budget);
  SECTION("a rotated one replaces it") {
    login.answer(200, tokens);
    const VspcMemory memory = VspcMemory::read(login.credential().renewal.reveal());
    CHECK(memory.refresh_token.reveal() == "rt");
  }
  SECTION("without a new one it stays") {
    login.answer(200, R"({"access_token":"at"})");
    CHECK(VspcMemory::read(login.credential().renewal.reveal()).refresh_token.reveal() ==
          "rt/abc+def==");
  }
  SECTION("refused, it is followed by one whole login") {
    login.answer(400, R"({"error":"invalid_grant"})");
    CHECK(login.body() == vector_form("veeam-token-password"));
    CHECK(login.request().spends_budget);
    login.answer(400, refused);
    CHECK(login.error().kind == ErrorKind::login_rejected);
  }
  SECTION("answered with a second factor, it is too") {
    login.answer(200, mfa);
    CHECK(login.body() == vector_form("veeam-token-password"));
  }
  SECTION("a server that is down is no refusal") {
    login.answer(520, "");
    CHECK(login.error().kind == ErrorKind::login_unavailable);
  }
}

TEST_CASE("a step that does not belong to the login is malformed") {
  Login by_password(password_texts, password_secrets);
  by_password.answer(200, challenge());
  CHECK(by_password.error().kind == ErrorKind::malformed);
  Login by_key({}, key_secrets());
  by_key.answer(200, mfa);
  CHECK(by_key.error().kind == ErrorKind::malformed);
}

TEST_CASE("an API key is sent with every request, without a login") {
  const Texts secrets = {{"api_key", "placeholder-key"}};
  CHECK(veeam_vspc_scheme().is_static(values_of(veeam_vspc_scheme(), {}, secrets)));
  CHECK_FALSE(veeam_vspc_scheme().is_static(values_of(veeam_vspc_scheme(), {}, key_secrets())));
  Login login({}, secrets);
  CHECK(field_value(login.credential(), "Authorization") == "Bearer placeholder-key");
}

TEST_CASE("a secret that can't be used is said before anything is sent") {
  const auto detail_of = [](const Texts& texts, const Texts& secrets) {
    const auto made = make_scheme(veeam_vspc_scheme(), texts, secrets);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::configuration);
    CHECK(made.error().detail.find("hidden") == std::string::npos);
    return made.error().detail;
  };
  CHECK(detail_of({}, {{"api_key", "hidden hidden"}}).find("api_key") != std::string::npos);
  CHECK(detail_of(password_texts, {{"password", ""}}) == "the password is empty");
  CHECK(detail_of({}, {{"private_key", "hidden"}}).find("private key") != std::string::npos);
  CHECK(detail_of(password_texts, {{"password", "p"}, {"totp", "hidden!"}}).find("totp") !=
        std::string::npos);
}

TEST_CASE("exactly one way to log in is configured, with the keys it reads") {
  const Texts none;
  CHECK(fault_of(none, {{"api_key", "k"}}) == "");
  CHECK(fault_of(password_texts, {{"password", "p"}, {"totp", "t"}}) == "");
  CHECK(fault_of({{"api", "v1"}}, {{"private_key", "k"}}) == "");
  CHECK(fault_of({{"grant", "private_key"}}, {{"private_key", "k"}}) == "");
  CHECK(fault_of({{"username", "u"}, {"api", "v2"}}, {{"password", "p"}}) == "");
  CHECK(fault_of(none, {}) == "needs api_key, or username and password, or private_key");
  CHECK(fault_of(password_texts, {}) == "needs api_key, or username and password, or private_key");
  CHECK(fault_of(none, {{"api_key", "k"}, {"private_key", "k"}}) ==
        "has more than one of api_key, password and private_key: keep one");
  CHECK(fault_of(none, {{"password", "p"}}) == "needs username for its password");
  const std::vector<std::pair<Texts, Texts>> faulty = {
      {{{"username", "u"}, {"api", "v1"}}, {{"password", "p"}}},
      {password_texts, {{"api_key", "k"}}},
      {password_texts, {{"private_key", "k"}}},
      {none, {{"private_key", "k"}, {"totp", "t"}}},
      {{{"username", "u"}, {"api", "v2"}}, {{"password", "p"}, {"totp", "t"}}},
      {{{"grant", "public_key"}, {"api", "v2"}}, {{"private_key", "k"}}},
      {{{"username", "u"}, {"grant", "public_key"}}, {{"password", "p"}}},
  };
  for (const auto& [texts, secrets] : faulty) CHECK(fault_of(texts, secrets).starts_with("has "));
}

TEST_CASE("the base depends on the api") {
  const auto base_of = [](std::string_view api) {
    return veeam_vspc_scheme().default_base(values_of(veeam_vspc_scheme(), {{"api", api}}, {}));
  };
  CHECK(base_of("v3") == "/api/v3");
  CHECK(base_of("v2") == "/api/v3");
  CHECK(base_of("v1") == "");
  Login login({{"username", "u"}, {"base", "/vspc/"}}, password_secrets);
  CHECK(login.request().target == "/vspc/token");
}

TEST_CASE("what was learnt is read as it was written, and anything else is nothing") {
  VspcMemory memory;
  memory.grant = VspcGrant::private_key;
  memory.refresh_token = base::Secret("a\nb\n");
  const VspcMemory copy = VspcMemory::read(memory.write().reveal());
  CHECK(copy.grant == memory.grant);
  CHECK(copy.refresh_token == memory.refresh_token);
  for (const std::string_view text : {"", "token", "public_key", "public_key\n", "other\nt"}) {
    CAPTURE(text);
    CHECK(VspcMemory::read(text).refresh_token.empty());
  }
}
