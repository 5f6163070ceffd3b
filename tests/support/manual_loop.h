#pragma once
// An event loop whose time stands still until a test turns it. Every callback is a turn of its own,
// so that what was buried in it is gone before the next one runs. One thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/net/event_loop.h"
#include "tests/support/ensure.h"

namespace vsaproxy::net {

class ManualLoop final : public EventLoop {
 public:
  ManualLoop() = default;
  ~ManualLoop() override { empty_grave(); }
  ManualLoop(const ManualLoop&) = delete;
  ManualLoop& operator=(const ManualLoop&) = delete;

  Time now() override { return now_; }
  std::unique_ptr<Timer> make_timer(std::function<void()> on_expired) override {
    return std::make_unique<ManualTimer>(*this, std::move(on_expired));
  }
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }

  // Runs what was posted and what is due, and what comes of that, until nothing is left to do at
  // this time. Fails the test if that has no end.
  void settle() {
    // What the test itself did since the last turn is one too.
    empty_grave();
    for (int turns = 0; run_one(); ++turns) {
      ensure(turns <= most_turns, "the loop comes to rest");
    }
  }

  // The same, as far as it was posted, but as one turn: as a loop serves all sockets that are
  // readable at once.
  void settle_in_one_turn() {
    empty_grave();
    for (int calls = 0; !posted_.empty(); ++calls) {
      ensure(calls <= most_turns, "the turn comes to an end");
      run_posted();
    }
    empty_grave();
  }

  // Lets time pass, stopping at every timer on the way.
  void advance(Duration by) {
    settle();
    const Time end = now_ + by;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      now_ = std::max(now_, timers_.begin()->first.first);
      settle();
    }
    now_ = end;
    settle();
  }

  // Nothing is posted and no timer runs.
  bool is_idle() const { return posted_.empty() && timers_.empty(); }

  // Drops what was posted and destroys what was buried, for the end of a test.
  void abandon() {
    posted_.clear();
    empty_grave();
  }

 private:
  using Due = std::pair<Time, std::uint64_t>;  // when, and which was started first
  static constexpr int most_turns = 5'000'000;

  class ManualTimer final : public Timer {
   public:
    ManualTimer(ManualLoop& loop, std::function<void()> on_expired)
        : loop_(loop), on_expired_(std::move(on_expired)) {}
    ~ManualTimer() override { stop(); }
    ManualTimer(const ManualTimer&) = delete;
    ManualTimer& operator=(const ManualTimer&) = delete;

    void start(Duration delay) override {
      stop();
      due_ = {loop_.now_ + std::max(delay, Duration::zero()), ++loop_.started_};
      loop_.timers_.emplace(due_, this);
      is_started_ = true;
    }
    void stop() override {
      if (std::exchange(is_started_, false)) loop_.timers_.erase(due_);
    }
    void expire() {
      stop();
      on_expired_();
    }

   private:
    ManualLoop& loop_;
    std::function<void()> on_expired_;
    Due due_{};
    bool is_started_ = false;
  };

  bool run_one() {
    if (!posted_.empty()) {
      run_posted();
    } else if (!timers_.empty() && timers_.begin()->first.first <= now_) {
      timers_.begin()->second->expire();
    } else {
      return false;
    }
    empty_grave();
    return true;
  }

  void run_posted() {
    const auto work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }

  void empty_grave() {
    while (!grave_.empty()) {
      std::vector<Buried> dead;
      dead.swap(grave_);
    }
  }

  void bury(Buried object) override { grave_.push_back(std::move(object)); }

  Time now_{std::chrono::hours(1)};
  std::uint64_t started_ = 0;
  std::map<Due, ManualTimer*> timers_;
  std::deque<std::function<void()>> posted_;
  std::vector<Buried> grave_;
};

}  // namespace vsaproxy::net
