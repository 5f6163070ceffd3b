#pragma once
// A checker of API keys in the test's own thread: it answers when the test says so.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/relay/key_checker.h"

namespace vsaproxy::relay {

class FakeKeyChecker final : public KeyChecker {
 public:
  Verdict recall(const KeyRing&, const ShownKey&) override { return std::nullopt; }

  std::unique_ptr<Check> check(net::EventLoop& loop, KeyRingPtr ring, ShownKey shown,
                               std::function<void(Verdict)> on_checked) override {
    if (is_busy_) return nullptr;
    ++checks_;
    auto ticket = std::make_unique<Ticket>();
    ticket->call = std::make_shared<std::function<void(Verdict)>>(std::move(on_checked));
    auto work = [&loop, ring = std::move(ring), shown = std::move(shown),
                 call = std::weak_ptr(ticket->call)] {
      loop.post([verdict = find_key(*ring, shown), call] {
        if (const auto wanted = call.lock()) (*wanted)(verdict);
      });
    };
    if (is_held_) {
      held_.emplace_back(std::move(work));
    } else {
      work();
    }
    return ticket;
  }

  // Checks go on once release() is called.
  void hold() { is_held_ = true; }
  void release() {
    is_held_ = false;
    for (const auto& work : std::exchange(held_, {})) work();
  }
  // No check is taken.
  void set_busy() { is_busy_ = true; }
  int checks() const { return checks_; }

 private:
  struct Ticket : Check {
    std::shared_ptr<std::function<void(Verdict)>> call;
  };

  bool is_held_ = false;
  bool is_busy_ = false;
  int checks_ = 0;
  std::vector<std::function<void()>> held_;
};

}  // namespace vsaproxy::relay
