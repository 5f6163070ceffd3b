#pragma once
// A deadline that moves with every byte: moving it later costs nothing, the timer looks again when
// it fires. Owned by what it watches; one thread.

#include <functional>
#include <memory>
#include <utility>

#include "proxy/net/event_loop.h"

namespace vsaproxy::relay {

class Deadline {
 public:
  Deadline(net::EventLoop& loop, std::function<void()> on_reached)
      : loop_(loop),
        on_reached_(std::move(on_reached)),
        timer_(loop.make_timer([this] { look(); })) {}

  void set(net::Duration from_now) {
    due_ = loop_.now() + from_now;
    is_set_ = true;
    if (is_armed_ && armed_for_ <= due_) return;
    arm();
  }
  void clear() { is_set_ = false; }

 private:
  void arm() {
    is_armed_ = true;
    armed_for_ = due_;
    const auto wait = std::chrono::ceil<net::Duration>(due_ - loop_.now());
    timer_->start(std::max(wait, net::Duration::zero()));
  }
  void look() {
    is_armed_ = false;
    if (!is_set_) return;
    if (loop_.now() < due_) {
      arm();
      return;
    }
    is_set_ = false;
    on_reached_();
  }

  net::EventLoop& loop_;
  std::function<void()> on_reached_;
  std::unique_ptr<net::Timer> timer_;
  net::Time due_{};
  net::Time armed_for_{};
  bool is_set_ = false;
  bool is_armed_ = false;
};

}  // namespace vsaproxy::relay
