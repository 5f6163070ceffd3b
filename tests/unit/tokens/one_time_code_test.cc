// Logins with a one-time code, which servers take once (RFC 6238, 5.2).

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {
namespace {

constexpr std::string_view with_totp =
    "    type: veeam-vspc\n    username: demo\n    password: {file: vspc.pass}\n"
    "    totp: {file: vspc.totp}\n    login_timeout: 2m\n";
constexpr std::string_view mfa = R"({"access_token":null,"mfa_token":"mt"})";

// The fixture's clock starts 10 s before the end of a half minute.
constexpr seconds rest_of_step(10);

class CodeBench : public SessionBench {
 public:
  CodeBench() : SessionBench("", with_totp) { secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"; }

  std::string sent_code() {
    REQUIRE_FALSE(open.empty());
    const std::string& body = open.front().body;
    return body.substr(body.find("mfa_code=") + 9);
  }
  void take_tokens() { answer(200, R"({"access_token":"at","expires_in":5})"); }
};

}  // namespace

TEST_CASE("a login waits for the next one-time code if another one sent that of this half minute") {
  CodeBench bench;
  const std::int64_t step = bench.wall_now().time_since_epoch() / seconds(30);
  REQUIRE(bench.wall_now() + rest_of_step == base::WallTime(seconds(30) * (step + 1)));
  const ops::LoginAccount account{"https://vsa.example.com", "demo"};
  SECTION("by a command before the start, for as long as the half minute lasts") {
    REQUIRE(bench.ledger.claim_code(account, step) == true);
    bench.start();
    bench.answer(200, mfa);
    CHECK(bench.open.empty());
    bench.loop.advance(rest_of_step - milliseconds(1));
    CHECK(bench.sent == 1);
    bench.loop.advance(milliseconds(1));
    CHECK(bench.sent == 2);
    bench.take_tokens();
    CHECK(bench.bearer() == "Bearer at");
    CHECK(bench.ledger.claim_code(account, step + 1) == false);
    CHECK(bench.count("ok") == 1);
    CHECK(bench.remaining() == 2);
    CHECK(bench.log_text().find("waiting for the next credential=vsa wait=10.0s") !=
          std::string::npos);
  }
  SECTION("by itself, when its session ends within the half minute") {
    bench.start();
    bench.answer(200, mfa);
    const std::string first = bench.sent_code();
    bench.take_tokens();
    bench.loop.advance(seconds(6));
    bench.session().need(1);
    bench.answer(200, mfa);
    CHECK(bench.open.empty());
    bench.loop.advance(seconds(4));
    CHECK(bench.sent_code() != first);
  }
  SECTION("but not for a second half minute") {
    REQUIRE(bench.ledger.claim_code(account, step) == true);
    bench.start();
    bench.answer(200, mfa);
    REQUIRE(bench.ledger.claim_code(account, step + 1) == true);
    bench.loop.advance(rest_of_step);
    CHECK(bench.sent == 1);
    CHECK(bench.state().block->error.kind == ErrorKind::login_unavailable);
    CHECK(bench.state().block->until == bench.loop.now() + seconds(30));
    CHECK(bench.remaining() == 2);
  }
  SECTION("and takes its wait with it when it ends") {
    REQUIRE(bench.ledger.claim_code(account, step) == true);
    bench.start();
    bench.answer(200, mfa);
    bench.end_session();
    bench.loop.advance(seconds(60));
    CHECK(bench.sent == 1);
  }
}

TEST_CASE("a one-time code is on record before it leaves") {
  CodeBench bench;
  const std::int64_t step = bench.wall_now().time_since_epoch() / seconds(30);
  bench.start();
  bench.answer(200, mfa);
  REQUIRE(bench.sent == 2);
  CHECK(bench.ledger.claim_code({"https://vsa.example.com", "demo"}, step) == false);
}

}  // namespace vsaproxy::tokens
