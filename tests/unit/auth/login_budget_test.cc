#include "proxy/auth/login_budget.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::chrono_literals;
using base::ErrorKind;

namespace {

constexpr base::WallTime now{std::chrono::hours(500'000)};
const BudgetSettings two_per_hour{2, 1h};

// The fingerprint of a test is the secret itself.
LoginAttempt rejected(base::Duration ago, std::string secret) {
  return {"id-" + secret, now - ago, "00", std::move(secret)};
}

LoginAttempt unknown(base::Duration ago) { return {"id", now - ago, "", ""}; }

std::optional<base::Error> judge(const std::vector<LoginAttempt>& attempts,
                                 const std::string& secret, base::WallTime at = now) {
  return judge_login(
      attempts, [&secret](const LoginAttempt& attempt) { return attempt.fingerprint == secret; },
      two_per_hour, at);
}

}  // namespace

TEST_CASE("a login may be sent while nothing stands against it") {
  CHECK_FALSE(judge({}, "aa"));
  CHECK_FALSE(judge({rejected(1h, "aa")}, "aa"));
  CHECK_FALSE(judge({rejected(30min, "bb")}, "aa"));
  CHECK_FALSE(judge({unknown(1s)}, "aa"));
}

TEST_CASE("a rejected secret waits until its time is over") {
  const auto error = judge({rejected(20min, "aa")}, "aa");
  REQUIRE(error);
  CHECK(error->kind == ErrorKind::login_rejected);
  CHECK(error->retry_after == 40min);
}

TEST_CASE("a rejected secret of a spent budget waits for both") {
  const auto error = judge({rejected(50min, "aa"), rejected(10min, "bb"), unknown(5min)}, "aa");
  REQUIRE(error);
  CHECK(error->kind == ErrorKind::login_rejected);
  CHECK(error->retry_after == 50min);
}

TEST_CASE("all secrets together have the budget, unknown outcomes included") {
  const auto attempts = GENERATE(std::vector{rejected(50min, "bb"), rejected(10min, "cc")},
                                 std::vector{rejected(10min, "bb"), unknown(50min)},
                                 std::vector{unknown(10min), unknown(50min)});
  const auto error = judge(attempts, "aa");
  REQUIRE(error);
  CHECK(error->kind == ErrorKind::login_budget_spent);
  CHECK(error->retry_after == 10min);
}

TEST_CASE("of too many attempts, enough must be over") {
  const auto error = judge({unknown(50min), unknown(30min), unknown(10min)}, "aa");
  REQUIRE(error);
  CHECK(error->retry_after == 30min);
}

TEST_CASE("a clock that jumped back never lengthens a wait beyond the time") {
  const auto same = judge({rejected(-1000h, "aa")}, "aa");
  REQUIRE(same);
  CHECK(same->retry_after == 1h);
  const auto spent = judge({rejected(-1000h, "bb"), unknown(-2000h)}, "aa");
  REQUIRE(spent);
  CHECK(spent->retry_after == 1h);
}

TEST_CASE("the secret is not compared with attempts that no longer count") {
  int compared = 0;
  const auto verdict = judge_login(
      {rejected(2h, "aa"), unknown(1s)},
      [&compared](const LoginAttempt&) {
        ++compared;
        return true;
      },
      two_per_hour, now);
  CHECK_FALSE(verdict);
  CHECK(compared == 0);
}

TEST_CASE("what remains of the budget is never negative") {
  CHECK(remaining_logins({}, two_per_hour, now) == 2);
  CHECK(remaining_logins({unknown(1s), rejected(2h, "aa")}, two_per_hour, now) == 1);
  CHECK(remaining_logins({unknown(1s), unknown(2s), unknown(3s)}, two_per_hour, now) == 0);
  CHECK(remaining_logins({unknown(-5h)}, two_per_hour, now) == 1);
}

TEST_CASE("attempts survive being written and read") {
  const std::vector<LoginAttempt> attempts = {rejected(1ms, "00ff"), unknown(5h)};
  const std::string text = write_attempts("https://vsa.example.com", "DOM\\\"svc\"\n", attempts);
  CHECK(text.find("https://vsa.example.com") != std::string::npos);
  const auto read = read_attempts(text);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].id == attempts[0].id);
  CHECK((*read)[0].at == attempts[0].at);
  CHECK((*read)[0].salt == "00");
  CHECK((*read)[0].fingerprint == "00ff");
  CHECK((*read)[1].at == attempts[1].at);
  CHECK((*read)[1].fingerprint.empty());
}

TEST_CASE("a damaged record is an error") {
  const auto text = GENERATE(
      as<std::string>(), "", "{", "[]", "null", "{\"format\":1}", "{\"attempts\":[]}",
      "{\"format\":\"1\",\"attempts\":[]}", "{\"format\":2,\"attempts\":[]}",
      "{\"format\":1,\"attempts\":{}}", "{\"format\":1,\"attempts\":[1]}",
      "{\"format\":1,\"attempts\":[{}]}",
      R"({"format":1,"attempts":[{"id":"a","at_unix_ms":-1,"salt":"","fingerprint":""}]})",
      R"({"format":1,"attempts":[{"id":"a","at_unix_ms":9223372036854775807,"salt":"","fingerprint":""}]})",
      R"({"format":1,"attempts":[{"id":"a","at_unix_ms":"5","salt":"","fingerprint":""}]})",
      R"({"format":1,"attempts":[{"id":"a","at_unix_ms":5,"salt":"xy","fingerprint":"00"}]})",
      R"({"format":1,"attempts":[{"id":"a","at_unix_ms":5,"salt":"","fingerprint":"00"}]})",
      R"({"format":1,"attempts":[]} trailing)");
  CAPTURE(text);
  const auto read = read_attempts(text);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::system);
}

TEST_CASE("a record cut at any byte is an error, not a shorter record") {
  const std::string text = write_attempts("o", "a", {unknown(1s)});
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_attempts(std::string_view(text).substr(0, size)));
  }
}
