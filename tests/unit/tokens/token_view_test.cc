#include "proxy/tokens/token_view.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/manual_loop.h"

namespace vsaproxy::tokens {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Reports = std::vector<std::string>;

constexpr SessionId id{1};
constexpr SessionId other_id{2};
constexpr base::Duration patience = seconds(10);

class Recorder final : public SessionReports {
 public:
  Reports take() { return std::exchange(reports_, {}); }

  void need(SessionId, std::uint64_t n) override { note("need", n); }
  void used(SessionId, std::uint64_t n) override { note("used", n); }
  void refused(SessionId, std::uint64_t n) override { note("refused", n); }
  void suspect(SessionId, std::uint64_t n) override { note("suspect", n); }
  void acquit(SessionId, std::uint64_t n) override { note("acquit", n); }
  void hold_reached(SessionId, std::uint64_t n) override { note("hold_reached", n); }

 private:
  void note(std::string_view what, std::uint64_t n) {
    reports_.push_back(fmt::format("{} {}", what, n));
  }
  Reports reports_;
};

class Waiter final : public CredentialWaiter {
 public:
  void on_credential(base::Result<CredentialPtr> outcome) override {
    REQUIRE_FALSE(outcome_.has_value());
    outcome_ = std::move(outcome);
    if (on_served) on_served();
  }
  bool is_waiting() const { return !outcome_; }
  std::uint64_t generation() const {
    return outcome_ && *outcome_ ? outcome_->value()->generation : 0;
  }
  std::string_view reason() const {
    return outcome_ && !*outcome_ ? base::reason_text(outcome_->error().kind) : "";
  }
  std::optional<base::Duration> retry_after() const { return outcome_->error().retry_after; }

  std::function<void()> on_served;

 private:
  std::optional<base::Result<CredentialPtr>> outcome_;
};

struct Bench {
  net::ManualLoop loop;
  Recorder reports;
  TokenView view{loop, reports};

  SessionUpdate state_of(std::uint64_t generation, base::Duration lifetime = seconds(600)) {
    auto credential = std::make_shared<auth::Credential>();
    credential->generation = generation;
    credential->expires = loop.now() + lifetime;
    SessionUpdate update;
    update.credential = std::move(credential);
    return update;
  }
  SessionUpdate block_of(ErrorKind kind, base::Duration wait) {
    SessionUpdate update;
    update.block = LoginBlock{{kind, "no"}, loop.now() + wait};
    return update;
  }
  // The generation that get() gives, 0 for a wait, or the reason of its error.
  std::string get(const Need& need) {
    const auto outcome = view.get(need, patience);
    if (!outcome) return std::string(base::reason_text(outcome.error().kind));
    return std::to_string(*outcome ? (*outcome)->generation : 0);
  }
};

constexpr Need replayable{id, Replayable::yes, 0};
constexpr Need unreplayable{id, Replayable::no, 0};

}  // namespace

TEST_CASE("many who lack a session ask for it once, and all are served by one update") {
  Bench bench;
  std::vector<Waiter> waiters(50);
  std::vector<std::unique_ptr<TokenView::Wait>> waits;
  for (Waiter& waiter : waiters) {
    CHECK(bench.get(replayable) == "0");
    waits.push_back(bench.view.wait_for(replayable, patience, waiter));
  }
  CHECK(bench.reports.take() == Reports{"need 0"});
  bench.view.update(id, bench.state_of(1));
  for (const Waiter& waiter : waiters) CHECK(waiter.generation() == 1);
  CHECK(bench.reports.take() == Reports{"used 1"});
}

TEST_CASE("the first use of each session is reported once") {
  Bench bench;
  bench.view.update(id, bench.state_of(1));
  CHECK(bench.reports.take().empty());
  CHECK(bench.get(replayable) == "1");
  CHECK(bench.get(replayable) == "1");
  CHECK(bench.reports.take() == Reports{"used 1"});
  bench.view.update(id, bench.state_of(2));
  CHECK(bench.get(replayable) == "2");
  CHECK(bench.reports.take() == Reports{"used 2"});
}

TEST_CASE("an expired session is nobody's") {
  Bench bench;
  bench.view.update(id, bench.state_of(1, seconds(5)));
  bench.loop.advance(milliseconds(4999));
  CHECK(bench.get(replayable) == "1");
  bench.loop.advance(milliseconds(1));
  CHECK(bench.get(replayable) == "0");
  CHECK(bench.reports.take() == Reports{"used 1", "need 1"});
}

TEST_CASE("a wait ends after its patience, with when to come again") {
  Bench bench;
  Waiter waiter;
  bench.get(replayable);
  const auto wait = bench.view.wait_for(replayable, patience, waiter);
  bench.loop.advance(milliseconds(9999));
  CHECK(waiter.is_waiting());
  bench.loop.advance(milliseconds(1));
  CHECK(waiter.reason() == "login_unavailable");
  CHECK(waiter.retry_after() == seconds(1));
}

TEST_CASE("a wait that was in vain does not keep later ones from asking") {
  Bench bench;
  Waiter waiter;
  bench.get(replayable);
  auto wait = bench.view.wait_for(replayable, patience, waiter);
  bench.loop.advance(patience);
  wait.reset();
  bench.reports.take();
  bench.loop.advance(seconds(60));
  CHECK(bench.get(replayable) == "0");
  CHECK(bench.reports.take() == Reports{"need 0"});
}

TEST_CASE("destroying a wait withdraws it, also while others are being served") {
  Bench bench;
  Waiter first, second, third;
  auto one = bench.view.wait_for(replayable, patience, first);
  auto two = bench.view.wait_for(replayable, patience, second);
  auto three = bench.view.wait_for(replayable, patience, third);
  two.reset();
  first.on_served = [&] { three.reset(); };
  bench.view.update(id, bench.state_of(1));
  CHECK(first.generation() == 1);
  CHECK(second.is_waiting());
  CHECK(third.is_waiting());
  bench.loop.advance(patience);
  CHECK(second.is_waiting());
}

TEST_CASE("who asks while logins are blocked learns why and for how long") {
  Bench bench;
  bench.view.update(id, bench.block_of(ErrorKind::login_rejected, seconds(90)));
  bench.loop.advance(seconds(30));
  const auto outcome = bench.view.get(replayable, patience);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().kind == ErrorKind::login_rejected);
  CHECK(outcome.error().retry_after == seconds(60));
  CHECK(bench.reports.take().empty());
}

TEST_CASE("a block that ends within the patience is worth waiting for") {
  Bench bench;
  bench.view.update(id, bench.block_of(ErrorKind::login_unavailable, seconds(4)));
  CHECK(bench.get(replayable) == "0");
  Waiter waiter;
  const auto wait = bench.view.wait_for(replayable, patience, waiter);
  bench.loop.advance(seconds(4));
  CHECK(waiter.is_waiting());
  bench.view.update(id, bench.block_of(ErrorKind::login_unavailable, seconds(8)));
  CHECK(waiter.reason() == "login_unavailable");
  CHECK(waiter.retry_after() == seconds(8));
}

TEST_CASE("a block that only a repair ends is told at once") {
  Bench bench;
  SessionUpdate broken = bench.block_of(ErrorKind::login_unavailable, seconds(1));
  broken.block->needs_repair = true;
  Waiter waiter;
  CHECK(bench.get(replayable) == "0");
  const auto wait = bench.view.wait_for(replayable, patience, waiter);
  bench.view.update(id, broken);
  CHECK(waiter.reason() == "login_unavailable");
  CHECK(waiter.retry_after() == seconds(1));
  CHECK(bench.get(replayable) == "login_unavailable");
}

TEST_CASE("a block over which time has passed is no block, and the login is asked for") {
  Bench bench;
  bench.view.update(id, bench.block_of(ErrorKind::login_rejected, seconds(90)));
  bench.loop.advance(seconds(90));
  CHECK(bench.get(replayable) == "0");
  CHECK(bench.reports.take() == Reports{"need 0"});
}

TEST_CASE("a block beside a good session keeps nobody from using it") {
  Bench bench;
  SessionUpdate state = bench.state_of(1);
  state.block = LoginBlock{{ErrorKind::login_unavailable, "no"}, bench.loop.now() + seconds(90)};
  bench.view.update(id, state);
  CHECK(bench.get(replayable) == "1");
}

TEST_CASE("a refused request waits for a newer session, and for nothing when none can come") {
  Bench bench;
  bench.view.update(id, bench.state_of(1));
  CHECK(bench.view.report_refused(id, 1, Replayable::yes));
  CHECK(bench.reports.take() == Reports{"refused 1"});
  const Need newer{id, Replayable::yes, 1};
  CHECK(bench.get(newer) == "0");
  Waiter waiter;
  const auto wait = bench.view.wait_for(newer, patience, waiter);
  SECTION("a newer one comes") {
    bench.view.update(id, bench.state_of(1));
    CHECK(waiter.is_waiting());
    bench.view.update(id, bench.state_of(2));
    CHECK(waiter.generation() == 2);
  }
  SECTION("the login fails") {
    SessionUpdate state = bench.state_of(1);
    state.block = LoginBlock{{ErrorKind::login_unavailable, "no"}, bench.loop.now() + seconds(1)};
    bench.view.update(id, state);
    CHECK(waiter.reason() == "login_unavailable");
  }
  SECTION("the session is acquitted meanwhile") {
    SessionUpdate state = bench.state_of(1);
    state.acquitted = true;
    bench.view.update(id, state);
    CHECK_FALSE(waiter.is_waiting());
    CHECK(waiter.generation() == 0);
  }
}

TEST_CASE("a refusal of an older session reports nothing, and the newer one is there") {
  Bench bench;
  bench.view.update(id, bench.state_of(2));
  CHECK(bench.view.report_refused(id, 1, Replayable::yes));
  CHECK_FALSE(bench.view.report_refused(id, 1, Replayable::no));
  CHECK(bench.reports.take().empty());
  CHECK(bench.get({id, Replayable::yes, 1}) == "2");
}

TEST_CASE("a refusal that can't be replayed makes the session suspect") {
  Bench bench;
  bench.view.update(id, bench.state_of(1));
  CHECK_FALSE(bench.view.report_refused(id, 1, Replayable::no));
  CHECK(bench.reports.take() == Reports{"suspect 1"});
}

TEST_CASE("a refused replay acquits its session, once, and later refusals make it suspect") {
  Bench bench;
  bench.view.update(id, bench.state_of(2));
  bench.view.report_refused_replay(id, 2);
  bench.view.report_refused_replay(id, 2);
  CHECK(bench.reports.take() == Reports{"acquit 2"});
  CHECK_FALSE(bench.view.report_refused(id, 2, Replayable::yes));
  CHECK(bench.reports.take() == Reports{"suspect 2"});
}

TEST_CASE("a refused replay of an older session, or of one that is being ended, proves nothing") {
  Bench bench;
  SessionUpdate state = bench.state_of(2);
  bench.view.update(id, state);
  bench.view.report_refused_replay(id, 1);
  CHECK(bench.reports.take().empty());
  state.hold = 5;
  bench.view.update(id, state);
  bench.reports.take();
  bench.view.report_refused_replay(id, 2);
  CHECK(bench.reports.take().empty());
}

TEST_CASE("a session that is being ended is waited for again, acquitted or not") {
  Bench bench;
  SessionUpdate state = bench.state_of(2);
  state.acquitted = true;
  state.hold = 5;
  bench.view.update(id, state);
  CHECK(bench.view.report_refused(id, 2, Replayable::yes));
  CHECK(bench.get({id, Replayable::yes, 2}) == "0");
}

TEST_CASE("while a hold is set only unreplayable requests wait") {
  Bench bench;
  SessionUpdate state = bench.state_of(1);
  state.hold = 3;
  bench.view.update(id, state);
  CHECK(bench.get(replayable) == "1");
  CHECK(bench.get(unreplayable) == "0");
  Waiter waiter;
  const auto wait = bench.view.wait_for(unreplayable, patience, waiter);
  bench.view.update(id, bench.state_of(2));
  CHECK(waiter.generation() == 2);
}

TEST_CASE("a hold is acknowledged once, when the last unreplayable request is over") {
  Bench bench;
  SessionUpdate state = bench.state_of(1);
  bench.view.update(id, state);
  auto one = bench.view.begin_unreplayable(id);
  auto two = bench.view.begin_unreplayable(id);
  const auto elsewhere = bench.view.begin_unreplayable(other_id);
  state.hold = 3;
  bench.view.update(id, state);
  one.reset();
  CHECK(bench.reports.take().empty());
  two.reset();
  CHECK(bench.reports.take() == Reports{"hold_reached 3"});
  bench.view.update(id, state);
  CHECK(bench.reports.take().empty());
  state.hold = 4;
  bench.view.update(id, state);
  CHECK(bench.reports.take() == Reports{"hold_reached 4"});
}

TEST_CASE("sessions know nothing of each other") {
  Bench bench;
  bench.view.update(other_id, bench.state_of(1));
  CHECK(bench.get(replayable) == "0");
  bench.view.update(id, bench.block_of(ErrorKind::login_rejected, seconds(90)));
  CHECK(bench.get({other_id, Replayable::yes, 0}) == "1");
}

TEST_CASE("who waits for a session that the configuration drops is told") {
  Bench bench;
  Waiter waiter;
  const auto wait = bench.view.wait_for(replayable, patience, waiter);
  auto use = bench.view.begin_unreplayable(id);
  bench.view.forget(id);
  CHECK(waiter.reason() == "login_unavailable");
  use.reset();
  bench.view.forget(id);
  CHECK(bench.get(replayable) == "0");
}

TEST_CASE("a view that goes first leaves its waits harmless") {
  net::ManualLoop loop;
  Recorder reports;
  Waiter waiter;
  auto view = std::make_unique<TokenView>(loop, reports);
  const auto wait = view->wait_for(replayable, patience, waiter);
  view.reset();
  loop.advance(patience);
  CHECK(waiter.is_waiting());
}

}  // namespace vsaproxy::tokens
