#include "proxy/tokens/session.h"

#include <catch2/catch.hpp>

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {

TEST_CASE("one login at a time, however many ask") {
  SessionBench bench;
  bench.start();
  for (int i = 0; i < 100; ++i) bench.session().need(0);
  bench.loop.settle();
  CHECK(bench.sent == 1);
  CHECK(bench.open.front().target == "/api/v1.0/auth");
  CHECK(bench.open.front().timeout == seconds(10));
  CHECK_FALSE(bench.session().is_ready());
  bench.succeed("one");
  CHECK(bench.bearer() == "Bearer one");
  CHECK(bench.state().credential->generation == 1);
  CHECK(bench.state().credential->fingerprint == "print");
  CHECK(bench.state().hold == 0);
  CHECK(bench.session().is_ready());
  CHECK(bench.count("ok") == 1);
  bench.session().need(0);
  for (int i = 0; i < 100; ++i) bench.session().refused(1);
  bench.loop.settle();
  CHECK(bench.sent == 2);
  bench.succeed("two");
  CHECK(bench.bearer() == "Bearer two");
  CHECK(bench.state().credential->generation == 2);
}

TEST_CASE("a login is on record before it leaves, and off it once it succeeded") {
  SessionBench bench;
  CHECK(bench.remaining() == 2);
  bench.start();
  CHECK(bench.remaining() == 1);
  bench.succeed();
  CHECK(bench.remaining() == 2);
}

TEST_CASE("no login is sent if it can't be recorded") {
  SessionBench bench;
  bench.folder.write("state", "a file where the directory should be");
  bench.start();
  CHECK(bench.sent == 0);
  REQUIRE(bench.session().block().has_value());
  CHECK(bench.session().block()->error.kind == ErrorKind::login_unavailable);
  CHECK(bench.count("transient") == 0);
  std::filesystem::remove(bench.state_dir);
  bench.loop.advance(seconds(1));
  CHECK(bench.sent == 1);
}

TEST_CASE("reports on an older session change nothing") {
  SessionBench bench;
  bench.start();
  bench.succeed("one");
  bench.session().refused(1);
  bench.succeed("two");
  const std::size_t told = bench.published.size();
  bench.session().refused(1);
  bench.session().suspect(1);
  bench.session().acquit(1);
  bench.session().used(1);
  bench.loop.settle();
  CHECK(bench.sent == 2);
  CHECK(bench.published.size() == told);
}

TEST_CASE("a used session is renewed early, at a time that jitter moves") {
  struct Case {
    std::string_view lines;
    double jitter;
    milliseconds due;
  };
  const Case cases[] = {
      {"    max_age: 100s\n    renew_before: 10s\n", 0, milliseconds(90'000)},
      {"    max_age: 100s\n    renew_before: 10s\n", 0.5, milliseconds(90'500)},
      {"    max_age: 100s\n    renew_before: 60s\n", 0, milliseconds(80'000)},
      {"    max_age: 100s\n    renew_before: 5%\n", 0, milliseconds(95'000)},
  };
  for (const Case& c : cases) {
    INFO(c.lines << c.jitter);
    SessionBench bench(c.lines);
    bench.jitter = c.jitter;
    bench.start();
    bench.succeed();
    bench.session().used(1);
    bench.loop.advance(c.due - milliseconds(1));
    CHECK(bench.sent == 1);
    bench.loop.advance(milliseconds(2));
    CHECK(bench.sent == 2);
    bench.succeed("two");
    CHECK(bench.bearer() == "Bearer two");
  }
}

TEST_CASE("who asks before it has heard of the new session costs no further login") {
  SessionBench bench("    max_age: 1s\n");
  bench.start();
  bench.succeed();
  SECTION("however soon it ends") {
    bench.session().need(0);
    bench.loop.settle();
    CHECK(bench.sent == 1);
  }
  SECTION("but who knows it, and has a clock that is ahead, does") {
    bench.session().need(1);
    bench.loop.settle();
    CHECK(bench.sent == 2);
  }
}

TEST_CASE("a session that nobody used is not renewed before somebody does") {
  SessionBench bench("    max_age: 100s\n    renew_before: 10s\n");
  bench.start();
  bench.succeed();
  bench.loop.advance(seconds(95));
  CHECK(bench.sent == 1);
  SECTION("in time: renewed at once") {
    bench.session().used(1);
    bench.loop.settle();
    CHECK(bench.sent == 2);
  }
  SECTION("too late: a login on demand") {
    bench.loop.advance(minutes(60));
    CHECK(bench.sent == 1);
    bench.session().need(1);
    bench.loop.settle();
    CHECK(bench.sent == 2);
  }
}

TEST_CASE("a renewal that fails leaves the session in use, and is tried again") {
  SessionBench bench("    max_age: 100s\n    renew_before: 20s\n");
  bench.start();
  bench.succeed();
  bench.session().used(1);
  bench.loop.advance(seconds(80));
  bench.fail_on_the_way();
  CHECK(bench.bearer() == "Bearer one");
  CHECK(bench.state().block.has_value());
  bench.loop.advance(seconds(1));
  CHECK(bench.sent == 3);
  bench.succeed("two");
  CHECK(bench.bearer() == "Bearer two");
  CHECK_FALSE(bench.state().block.has_value());
}

TEST_CASE("before a login that ends the older session every worker acknowledges a hold") {
  SessionBench bench("    max_age: 100s\n    renew_before: 20s\n");
  bench.workers = 2;
  bench.start();
  CHECK(bench.sent == 1);
  bench.succeed();
  bench.session().used(1);
  bench.loop.advance(seconds(80));
  const std::uint64_t hold = bench.state().hold;
  CHECK(hold != 0);
  CHECK(bench.bearer() == "Bearer one");
  bench.session().hold_reached(hold);
  bench.session().hold_reached(hold + 1);
  bench.loop.settle();
  CHECK(bench.sent == 1);
  bench.session().hold_reached(hold);
  bench.loop.settle();
  CHECK(bench.sent == 2);
  CHECK(bench.state().hold == hold);
  bench.succeed("two");
  CHECK(bench.state().hold == 0);
  bench.session().hold_reached(hold);
  bench.loop.settle();
  CHECK(bench.sent == 2);
}

TEST_CASE("a hold is not waited for longer than its patience, or the session's end") {
  struct Case {
    std::string_view lines;
    bool refused;
    seconds patience;
  };
  const Case cases[] = {
      {"    max_age: 100s\n    renew_before: 20s\n", false, seconds(10)},
      {"    max_age: 100s\n    renew_before: 5s\n", false, seconds(5)},
      {"    max_age: 100s\n    renew_before: 20s\n", true, seconds(2)},
  };
  for (const Case& c : cases) {
    INFO(c.lines << (c.refused ? "refused" : "renewed"));
    SessionBench bench(c.lines);
    bench.workers = 1;
    bench.start();
    bench.succeed();
    bench.session().used(1);
    if (c.refused) {
      bench.session().refused(1);
    } else {
      bench.loop.advance(seconds(100) - std::min(seconds(20), c.patience * 2));
      bench.loop.advance(seconds(c.patience == seconds(5) ? 5 : 0));
    }
    bench.loop.settle();
    CHECK(bench.state().hold != 0);
    bench.loop.advance(c.patience - milliseconds(1));
    CHECK(bench.sent == 1);
    bench.loop.advance(milliseconds(1));
    CHECK(bench.sent == 2);
  }
}

TEST_CASE("no hold where a login ends nothing") {
  SECTION("one_session: false") {
    SessionBench bench("    one_session: false\n");
    bench.workers = 2;
    bench.start();
    bench.succeed();
    bench.session().refused(1);
    bench.loop.settle();
    CHECK(bench.sent == 2);
  }
  SECTION("the session has expired") {
    SessionBench bench("    max_age: 100s\n");
    bench.workers = 2;
    bench.start();
    bench.succeed();
    bench.loop.advance(seconds(100));
    bench.session().need(1);
    bench.loop.settle();
    CHECK(bench.sent == 2);
  }
}

TEST_CASE("failed logins back off, each try logged, until one succeeds") {
  SessionBench bench("    backoff: {min_backoff: 1s, max_backoff: 10s}\n");
  bench.start();
  int tries = 1;
  for (const int wait : {1, 2, 4, 8, 10, 10}) {
    INFO("wait of " << wait << " s");
    bench.fail_on_the_way();
    CHECK(bench.state().block->until - bench.loop.now() == seconds(wait));
    CHECK(bench.state().block->error.kind == ErrorKind::login_unavailable);
    bench.session().need(0);
    bench.loop.advance(seconds(wait) - milliseconds(1));
    CHECK(bench.sent == tries);
    bench.loop.advance(milliseconds(1));
    CHECK(bench.sent == ++tries);
  }
  bench.succeed();
  CHECK_FALSE(bench.state().block.has_value());
  CHECK(bench.count("transient") == 6);
  bench.session().refused(1);
  bench.loop.settle();
  bench.fail_on_the_way();
  CHECK(bench.state().block->until - bench.loop.now() == seconds(1));
  CHECK(bench.remaining() == 2);
  const std::string log = bench.log_text();
  for (const std::string_view wait : {"1.0s", "2.0s", "4.0s", "8.0s", "10.0s"}) {
    CHECK(log.find("retry_in=" + std::string(wait)) != std::string::npos);
  }
  CHECK(log.find("first-secret") == std::string::npos);
}

TEST_CASE("a back-off is shortened by jitter, and lengthened by Retry-After") {
  SessionBench bench;
  bench.jitter = 1;
  bench.start();
  bench.fail_on_the_way();
  const auto wait = bench.state().block->until - bench.loop.now();
  CHECK(wait >= milliseconds(900));
  CHECK(wait < milliseconds(910));
  bench.loop.advance(seconds(1));
  bench.answer(503, "", "30");
  CHECK(bench.state().block->until - bench.loop.now() == seconds(30));
  bench.loop.advance(seconds(29));
  CHECK(bench.sent == 2);
  bench.loop.advance(seconds(1));
  CHECK(bench.sent == 3);
}

TEST_CASE("the outcomes of logins are counted apart") {
  SessionBench bench;
  bench.start();
  bench.fail_on_the_way();
  bench.loop.advance(seconds(1));
  bench.answer(200, "<html>hello</html>");
  CHECK(bench.state().block->error.kind == ErrorKind::login_unavailable);
  bench.loop.advance(seconds(2));
  bench.answer(base::fail(ErrorKind::malformed, "no HTTP"));
  bench.loop.advance(seconds(4));
  bench.reject();
  CHECK(bench.count("transient") == 1);
  CHECK(bench.count("malformed") == 2);
  CHECK(bench.count("rejected") == 1);
  CHECK(bench.count("ok") == 0);
  CHECK(bench.remaining() == 1);
}

TEST_CASE("a rejected login is not tried again, whoever asks and whatever starts anew") {
  SessionBench bench;
  bench.start();
  bench.reject();
  CHECK(bench.state().block->error.kind == ErrorKind::login_rejected);
  CHECK(bench.state().block->until - bench.loop.now() == minutes(60));
  for (int i = 0; i < 50; ++i) {
    bench.session().need(0);
    bench.session().poll();
    bench.loop.advance(minutes(1));
  }
  CHECK(bench.sent == 1);
  for (int i = 0; i < 3; ++i) {
    bench.end_session();
    bench.start();
    CHECK(bench.state().block->error.kind == ErrorKind::login_rejected);
    CHECK(bench.state().block->until - bench.loop.now() <= minutes(10));
  }
  CHECK(bench.sent == 1);
  CHECK(bench.count("rejected") == 1);
  bench.loop.advance(minutes(11));
  bench.session().need(0);
  bench.loop.settle();
  CHECK(bench.sent == 2);
}

TEST_CASE("a changed secret is tried at once after a rejection, within the budget") {
  SessionBench bench;
  bench.start();
  bench.reject();
  bench.secret = "second-secret";
  bench.secret_stamp = 2;
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.sent == 2);
  bench.reject();
  bench.secret = "third-secret";
  bench.secret_stamp = 3;
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.sent == 2);
  CHECK(bench.state().block->error.kind == ErrorKind::login_budget_spent);
}

TEST_CASE("a secret that changed while its login was under way is noticed too") {
  SessionBench bench;
  bench.start();
  bench.secret = "second-secret";
  bench.secret_stamp = 2;
  bench.reject();
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.sent == 2);
}

TEST_CASE("a record that another process cleared lets the same secret be tried") {
  SessionBench bench;
  bench.start();
  bench.reject();
  bench.session().poll();
  CHECK(bench.sent == 1);
  REQUIRE(ops::LoginLedger(bench.state_dir).forget({"https://vsa.example.com", "demo"}).value());
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.sent == 2);
}

TEST_CASE("a good session is left alone when its secret changes") {
  SessionBench bench;
  bench.start();
  bench.succeed();
  bench.secret_stamp = 2;
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.sent == 1);
}

TEST_CASE("an acquitted session is not given up for refusals until a check is refused too") {
  SessionBench bench;
  bench.start();
  bench.succeed();
  bench.session().acquit(1);
  CHECK(bench.state().acquitted);
  bench.session().refused(1);
  bench.loop.settle();
  CHECK(bench.sent == 1);
  bench.session().suspect(1);
  bench.loop.settle();
  REQUIRE(bench.sent == 2);
  CHECK(bench.open.front().target == "/api/v1.0/echoauth");
  CHECK(bench.open.front().authorization == "Bearer one");
  SECTION("the check is fine") {
    bench.answer(200, R"({"ResponseCode":0})");
    CHECK(bench.sent == 2);
    CHECK(bench.state().acquitted);
  }
  SECTION("the check fails on the way") {
    bench.fail_on_the_way();
    CHECK(bench.sent == 2);
  }
  SECTION("the check is refused by its status") {
    bench.answer(401);
    CHECK(bench.sent == 3);
    bench.succeed("two");
    CHECK_FALSE(bench.state().acquitted);
  }
  SECTION("the check is refused in its body") {
    bench.answer(200, R"({"ResponseCode":401})");
    CHECK(bench.sent == 3);
  }
}

TEST_CASE("a session is checked at most every ten seconds, and once at a time") {
  SessionBench bench;
  bench.start();
  bench.succeed();
  for (int i = 0; i < 10; ++i) bench.session().suspect(1);
  CHECK(bench.sent == 2);
  bench.answer(200, "{}");
  bench.loop.advance(milliseconds(9999));
  bench.session().suspect(1);
  CHECK(bench.sent == 2);
  bench.loop.advance(milliseconds(1));
  bench.session().suspect(1);
  CHECK(bench.sent == 3);
}

TEST_CASE("the check of a session that was replaced meanwhile counts for nothing") {
  SessionBench bench;
  bench.start();
  bench.succeed();
  bench.session().suspect(1);
  bench.session().refused(1);
  bench.loop.settle();
  REQUIRE(bench.open.size() == 2);
  const auto login = std::move(bench.open.back().callback);
  LoginAnswer made;
  made.status = 200;
  made.body = R"({"Result":{"Token":"two"},"ResponseCode":0})";
  made.received_at = bench.wall_now();
  login(std::move(made));
  bench.loop.settle();
  CHECK(bench.bearer() == "Bearer two");
  bench.answer(401);
  CHECK(bench.sent == 3);
}

TEST_CASE("a session that ends takes its login and its check with it") {
  SessionBench bench;
  bench.start();
  CHECK(bench.open.size() == 1);
  bench.end_session();
  CHECK(bench.open.empty());
  bench.start();
  bench.succeed();
  bench.session().suspect(1);
  CHECK(bench.open.size() == 1);
  bench.end_session();
  CHECK(bench.open.empty());
}

TEST_CASE("a fixed header needs no login, and follows its secret") {
  SessionBench bench("", "    type: header\n    name: X-Api-Key\n    value: {file: api.key}\n");
  bench.start();
  CHECK(bench.sent == 0);
  CHECK(bench.bearer() == "first-secret");
  CHECK_FALSE(bench.state().credential->expires.has_value());
  CHECK(bench.session().is_ready());
  bench.session().refused(1);
  bench.session().suspect(1);
  bench.loop.advance(minutes(60));
  bench.session().poll();
  CHECK(bench.state().credential->generation == 1);
  bench.secret = "second-secret";
  bench.secret_stamp = 2;
  bench.session().poll();
  bench.loop.settle();
  CHECK(bench.bearer() == "second-secret");
  CHECK(bench.state().credential->generation == 2);
  CHECK(bench.count("ok") == 0);
  SECTION("a secret that vanishes leaves the last one in use") {
    bench.secret_is_missing = true;
    bench.secret_stamp = 0;
    bench.session().poll();
    bench.loop.settle();
    CHECK(bench.bearer() == "second-secret");
  }
}

}  // namespace vsaproxy::tokens
