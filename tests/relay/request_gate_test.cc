#include "proxy/relay/request_gate.h"

#include <fmt/format.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/manual_loop.h"

namespace vsaproxy::relay {
namespace {

using base::ErrorKind;
using settings::RequestLimits;
using std::chrono::milliseconds;
using std::chrono::seconds;

RequestLimits at_once(std::size_t concurrency, std::size_t queue = 100) {
  return {concurrency, std::nullopt, 1, queue};
}

RequestLimits per_second(int rate, std::size_t burst = 1, std::size_t queue = 100) {
  return {std::nullopt, std::chrono::nanoseconds(1'000'000'000 / rate), burst, queue};
}

// A request of a client at a gate, as an exchange is.
class Asker final : public RequestGate::Waiter {
 public:
  Asker(RequestGate& gate, net::EventLoop& loop, std::string client, ops::Gauge& gauge) {
    slot_ = gate.take(loop);
    if (slot_) return;
    auto wait = gate.wait({loop, std::move(client), gauge}, *this);
    if (wait) {
      wait_ = std::move(*wait);
    } else {
      error_ = wait.error();
    }
  }
  void on_turn(base::Result<RequestGate::Slot> outcome) override {
    wait_.reset();
    ++calls_;
    if (outcome) {
      slot_ = std::move(*outcome);
    } else {
      error_ = outcome.error();
    }
  }
  bool is_under_way() const { return static_cast<bool>(slot_); }
  bool is_waiting() const { return wait_ != nullptr; }
  bool is_refused() const { return error_ && error_->kind == ErrorKind::rate_limited; }
  const std::optional<base::Error>& error() const { return error_; }
  int calls() const { return calls_; }
  void end() { slot_.release(); }
  void leave() { wait_.reset(); }

 private:
  RequestGate::Slot slot_;
  std::unique_ptr<RequestGate::Wait> wait_;
  std::optional<base::Error> error_;
  int calls_ = 0;
};

using AskerPtr = std::unique_ptr<Asker>;

// A gate with two workers.
struct Bench {
  explicit Bench(const RequestLimits& limits) : gate(limits) {}
  ~Bench() {
    askers.clear();
    settle();
  }
  Asker& ask(std::string client = "a", int worker = 0) {
    askers.push_back(
        std::make_unique<Asker>(gate, loops[worker], std::move(client), gauges[worker]));
    return *askers.back();
  }
  std::vector<Asker*> ask_often(int count, const std::string& client, int worker = 0) {
    std::vector<Asker*> list;
    for (int i = 0; i < count; ++i) list.push_back(&ask(client, worker));
    return list;
  }
  void settle() {
    for (int i = 0; i < 3; ++i) {
      for (auto& loop : loops) loop.settle();
    }
  }
  // Both clocks go on together, a millisecond at a time.
  void advance(milliseconds by) {
    for (milliseconds gone{}; gone < by; gone += milliseconds(1)) {
      for (auto& loop : loops) loop.advance(milliseconds(1));
      settle();
    }
  }
  double waiting() const { return gauges[0].value() + gauges[1].value(); }

  RequestGate gate;
  net::ManualLoop loops[2];
  ops::Gauge gauges[2];
  std::vector<AskerPtr> askers;
};

int count_under_way(const std::vector<Asker*>& askers) {
  return static_cast<int>(
      std::count_if(askers.begin(), askers.end(), [](Asker* a) { return a->is_under_way(); }));
}

}  // namespace

TEST_CASE("as many requests are under way as concurrency says, over all workers") {
  Bench bench(at_once(2));
  Asker& first = bench.ask("a", 0);
  Asker& second = bench.ask("a", 1);
  Asker& third = bench.ask("a", 0);
  Asker& fourth = bench.ask("a", 1);
  bench.settle();
  CHECK(first.is_under_way());
  CHECK(second.is_under_way());
  CHECK(third.is_waiting());
  CHECK(fourth.is_waiting());
  CHECK(bench.waiting() == 2);
  // Whichever worker the ended one was in.
  second.end();
  CHECK(third.is_waiting());
  bench.settle();
  CHECK(third.is_under_way());
  CHECK(fourth.is_waiting());
  first.end();
  bench.settle();
  CHECK(fourth.is_under_way());
  CHECK(bench.waiting() == 0);
}

TEST_CASE("a client with a hundred waiting requests doesn't hold up another's one") {
  Bench bench(at_once(1, 1000));
  Asker* running = &bench.ask("greedy");
  const auto greedy = bench.ask_often(100, "greedy");
  Asker& modest = bench.ask("modest", 1);
  for (int ended = 0; ended < 2; ++ended) {
    running->end();
    bench.settle();
    if (greedy[0]->is_under_way()) running = greedy[0];
  }
  CHECK(modest.is_under_way());
  CHECK(count_under_way(greedy) == 0);
  modest.end();
  bench.settle();
  CHECK(greedy[1]->is_under_way());
}

TEST_CASE("clients take turns, and each client's requests are served in order") {
  Bench bench(at_once(1, 1000));
  Asker* running = &bench.ask("x");
  std::vector<std::pair<std::string, Asker*>> waiting;
  for (const auto& [client, count] : {std::pair{"a", 4}, std::pair{"b", 2}, std::pair{"c", 1}}) {
    for (Asker* asker : bench.ask_often(count, client)) waiting.emplace_back(client, asker);
  }
  std::string order;
  while (!waiting.empty()) {
    running->end();
    bench.settle();
    const auto next = std::find_if(waiting.begin(), waiting.end(),
                                   [](const auto& item) { return item.second->is_under_way(); });
    REQUIRE(next != waiting.end());
    order += next->first;
    running = next->second;
    waiting.erase(next);
  }
  CHECK(order == "abcabaa");
}

TEST_CASE("a request that finds the queue full is refused") {
  Bench bench(at_once(1, 2));
  bench.ask();
  bench.ask_often(2, "a");
  Asker& late = bench.ask("a");
  CHECK(late.is_refused());
  CHECK_FALSE(late.error()->retry_after);
  CHECK(bench.waiting() == 2);
}

TEST_CASE("without a queue nothing waits") {
  Bench bench(at_once(1, 0));
  Asker& first = bench.ask("a");
  CHECK(first.is_under_way());
  CHECK(bench.ask("b").is_refused());
  first.end();
  CHECK(bench.ask("b").is_under_way());
}

TEST_CASE("in a full queue the client with the most requests gives way to others") {
  Bench bench(at_once(1, 4));
  bench.ask("greedy");
  const auto greedy = bench.ask_often(4, "greedy");
  Asker& modest = bench.ask("modest", 1);
  bench.settle();
  CHECK(modest.is_waiting());
  CHECK(greedy[3]->is_refused());
  CHECK(greedy[3]->calls() == 1);
  CHECK(bench.waiting() == 4);
  // Until both have the same: nobody gains by pushing out.
  CHECK(bench.ask("modest", 1).is_waiting());
  bench.settle();
  CHECK(greedy[2]->is_refused());
  CHECK(bench.ask("modest", 1).is_refused());
  CHECK(bench.ask("greedy").is_refused());
  bench.settle();
  CHECK(greedy[1]->is_waiting());
}

TEST_CASE("a client that leaves gives back its place, whether its turn has come or not") {
  Bench bench(at_once(1, 2));
  Asker& running = bench.ask("a");
  Asker& first = bench.ask("a");
  Asker& second = bench.ask("b", 1);
  CHECK(bench.ask("c").is_refused());
  first.leave();
  CHECK(bench.waiting() == 1);
  Asker& third = bench.ask("c");
  CHECK(third.is_waiting());
  running.end();
  // Its turn has come, and it does not know yet.
  second.leave();
  bench.settle();
  CHECK(second.calls() == 0);
  CHECK(third.is_under_way());
  third.end();
  CHECK(bench.ask("d").is_under_way());
}

TEST_CASE("requests begin at the rate, after a burst") {
  Bench bench(per_second(20, 3));
  const auto askers = bench.ask_often(10, "a");
  bench.settle();
  CHECK(count_under_way(askers) == 3);
  bench.advance(milliseconds(49));
  CHECK(count_under_way(askers) == 3);
  bench.advance(milliseconds(1));
  CHECK(count_under_way(askers) == 4);
  bench.advance(milliseconds(100));
  CHECK(count_under_way(askers) == 6);
  // Ending them makes no room: only time does.
  for (Asker* asker : askers) asker->end();
  CHECK(bench.ask("b").is_waiting());
  bench.advance(seconds(1));
  CHECK(bench.waiting() == 0);
  // The bucket is full again, and no fuller.
  const auto more = bench.ask_often(5, "a");
  CHECK(count_under_way(more) == 3);
}

TEST_CASE("a rate is kept over all workers and over minutes, also one far above a timer's grain") {
  for (const auto& [rate, burst] : {std::pair{20, 1}, std::pair{300, 10}, std::pair{3000, 1}}) {
    INFO(rate);
    Bench bench(per_second(rate, static_cast<std::size_t>(burst), 10'000));
    std::vector<Asker*> askers;
    for (int i = 0; i < 9'000; ++i) {
      askers.push_back(&bench.ask(fmt::format("client{}", i % 7), i % 2));
    }
    bench.advance(milliseconds(2'500));
    const int begun = count_under_way(askers);
    CHECK(begun <= rate * 5 / 2 + burst + 1);
    CHECK(begun >= rate * 5 / 2 - rate / 50);
  }
}

TEST_CASE("who is refused hears when the next request may begin") {
  Bench bench({std::nullopt, seconds(30), 1, 0});
  CHECK(bench.ask().is_under_way());
  bench.advance(milliseconds(10'000));
  Asker& late = bench.ask();
  REQUIRE(late.is_refused());
  CHECK(late.error()->retry_after == milliseconds(20'000));
}

TEST_CASE("the timer goes on with the next worker when the first in line leaves") {
  Bench bench(per_second(1));
  bench.ask("a", 0);
  Asker& first = bench.ask("a", 0);
  Asker& second = bench.ask("b", 1);
  bench.settle();
  first.leave();
  bench.settle();
  CHECK_FALSE(second.is_under_way());
  bench.advance(milliseconds(1'001));
  CHECK(second.is_under_way());
}

TEST_CASE("with both limits a request needs a place and a token") {
  Bench bench({std::size_t{1}, milliseconds(100), 1, 100});
  Asker& first = bench.ask();
  Asker& second = bench.ask();
  bench.advance(seconds(1));
  CHECK(second.is_waiting());
  first.end();
  bench.settle();
  CHECK(second.is_under_way());
  Asker& third = bench.ask();
  second.end();
  bench.settle();
  CHECK(third.is_waiting());
  bench.advance(milliseconds(101));
  CHECK(third.is_under_way());
}

TEST_CASE("half of the places can be left to others") {
  const auto take = [](Bench& bench) { return bench.gate.take_if_half_free(bench.loops[0]); };
  Bench bench(at_once(5));
  std::vector<RequestGate::Slot> slots;
  while (auto slot = take(bench)) slots.push_back(std::move(slot));
  CHECK(slots.size() == 2);
  const auto others = bench.ask_often(4, "other");
  CHECK(others[2]->is_under_way());
  CHECK(others[3]->is_waiting());
  slots.clear();
  bench.settle();
  // Four of five are under way now.
  CHECK(others[3]->is_under_way());
  CHECK_FALSE(take(bench));
  Bench single(at_once(1));
  CHECK_FALSE(take(single));
  Bench tokens(per_second(1, 2));
  auto first = take(tokens), second = take(tokens);
  CHECK(first);
  CHECK(second);
  CHECK_FALSE(take(tokens));
}

TEST_CASE("new limits count what is under way, and set who waits going") {
  Bench bench({std::size_t{1}, seconds(3600), 1, 100});
  std::vector<Asker*> askers = bench.ask_often(3, "a");
  for (Asker* asker : bench.ask_often(3, "b", 1)) askers.push_back(asker);
  bench.settle();
  CHECK(count_under_way(askers) == 1);
  // An hour's timer is not waited for.
  bench.gate.set_limits({std::size_t{3}, milliseconds(10), 1, 100}, bench.loops[0].now());
  bench.advance(milliseconds(100));
  CHECK(count_under_way(askers) == 3);
  bench.gate.set_limits(at_once(2), bench.loops[0].now());
  bench.settle();
  CHECK(count_under_way(askers) == 3);
  askers[0]->end();
  bench.settle();
  CHECK(count_under_way(askers) == 2);
  bench.gate.set_limits(at_once(100), bench.loops[0].now());
  bench.settle();
  CHECK(count_under_way(askers) == 5);
}

TEST_CASE("nothing is left behind: no timer, no posted work, no place") {
  Bench bench({std::size_t{2}, milliseconds(5), 2, 100});
  auto askers = bench.ask_often(20, "a");
  for (Asker* asker : bench.ask_often(20, "b", 1)) askers.push_back(asker);
  for (std::size_t i = 0; i < askers.size(); i += 3) askers[i]->leave();
  for (int turn = 0; turn < 100; ++turn) {
    for (Asker* asker : askers) asker->end();
    bench.advance(milliseconds(10));
  }
  CHECK(bench.waiting() == 0);
  CHECK(bench.loops[0].is_idle());
  CHECK(bench.loops[1].is_idle());
  CHECK(count_under_way(bench.ask_often(2, "a")) == 2);
}

namespace {

// A worker whose requests end after a turn or two, or leave while they wait.
class Crowd {
 public:
  Crowd(RequestGate& gate, int number) : gate_(gate), random_(static_cast<unsigned>(number)) {}

  void start(int count) {
    thread_ = std::thread([this, count] {
      loop_.post([this, count] { step(count); });
      loop_.run();
    });
  }
  void join() { thread_.join(); }
  int served() const { return served_; }

  static std::atomic<int>& under_way() {
    static std::atomic<int> number;
    return number;
  }
  static std::atomic<int>& highest() {
    static std::atomic<int> number;
    return number;
  }

 private:
  struct Request final : RequestGate::Waiter {
    void on_turn(base::Result<RequestGate::Slot> outcome) override {
      wait.reset();
      if (outcome) slot = std::move(*outcome);
      is_refused = !outcome;
      note();
    }
    void note() {
      if (!slot) return;
      const int now = ++under_way();
      int seen = highest();
      while (now > seen && !highest().compare_exchange_weak(seen, now)) {
      }
    }
    bool is_refused = false;
    RequestGate::Slot slot;
    std::unique_ptr<RequestGate::Wait> wait;
  };

  void step(int left) {
    for (auto& request : requests_) {
      if (request->slot && random_() % 2 == 0) {
        --under_way();
        request->slot.release();
        request.reset();
        ++served_;
      } else if (request->is_refused || (request->wait && random_() % 16 == 0)) {
        request.reset();
      }
    }
    std::erase(requests_, nullptr);
    while (left > 0 && requests_.size() < 30) {
      --left;
      begin();
    }
    if (left == 0 && requests_.empty()) return loop_.stop();
    loop_.post([this, left] { step(left); });
  }

  void begin() {
    auto request = std::make_unique<Request>();
    request->slot = gate_.take(loop_);
    request->note();
    if (!request->slot) {
      auto wait = gate_.wait({loop_, fmt::format("client{}", random_() % 5), gauge_}, *request);
      if (!wait) return;
      request->wait = std::move(*wait);
    }
    requests_.push_back(std::move(request));
  }

  RequestGate& gate_;
  std::minstd_rand random_;
  net::LibeventLoop loop_;
  ops::Gauge gauge_;
  std::vector<std::unique_ptr<Request>> requests_;
  int served_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("four threads in a crowd never exceed the limit, and everybody gets a turn or leaves") {
  Crowd::under_way() = 0;
  Crowd::highest() = 0;
  RequestGate gate({std::size_t{7}, std::chrono::nanoseconds(2'000), 20, 100});
  std::vector<std::unique_ptr<Crowd>> crowds;
  for (int i = 0; i < 4; ++i) crowds.push_back(std::make_unique<Crowd>(gate, i + 1));
  for (auto& crowd : crowds) crowd->start(3'000);
  int served = 0;
  for (auto& crowd : crowds) {
    crowd->join();
    served += crowd->served();
  }
  CHECK(served > 100);
  CHECK(Crowd::under_way() == 0);
  CHECK(Crowd::highest() == 7);
  gate.set_limits({std::size_t{7}, std::nullopt, 1, 0}, std::chrono::steady_clock::now());
  net::ManualLoop loop;
  std::vector<RequestGate::Slot> slots;
  for (int i = 0; i < 7; ++i) {
    slots.push_back(gate.take(loop));
    CHECK(slots.back());
  }
  CHECK_FALSE(gate.take(loop));
}

}  // namespace vsaproxy::relay
