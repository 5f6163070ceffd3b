#pragma once
// Deadlines that move with every byte: moving one later costs nothing, since the timer looks again
// when it fires. All of a worker's share one timer. One thread.

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/net/event_loop.h"

namespace vsaproxy::relay {

class Deadline;

// Owned by the worker; outlives its deadlines.
class DeadlineQueue {
 public:
  explicit DeadlineQueue(net::EventLoop& loop);
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;

 private:
  friend class Deadline;

  void place(Deadline& deadline);
  void take_out(Deadline& deadline);
  void put(std::size_t index, Deadline& deadline);
  void sift_up(std::size_t index, Deadline& deadline);
  void sift_down(std::size_t index, Deadline& deadline);
  void arm();
  void on_timer();

  net::EventLoop& loop_;
  std::vector<Deadline*> heap_;  // the earliest first
  std::unique_ptr<net::Timer> timer_;
  net::Time armed_for_ = net::Time::max();
};

// Owned by what it watches.
class Deadline {
 public:
  // `on_reached` is called from the loop, each time that a time which was set is over.
  template <auto on_reached, class Owner>
  static Deadline calling(DeadlineQueue& queue, Owner& owner) {
    return Deadline(queue, &owner, [](void* self) { (static_cast<Owner*>(self)->*on_reached)(); });
  }
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(net::Duration from_now);
  void clear() { is_set_ = false; }
  bool is_set() const { return is_set_; }

 private:
  friend class DeadlineQueue;
  using OnReached = void (*)(void* owner);
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  Deadline(DeadlineQueue& queue, void* owner, OnReached on_reached)
      : queue_(queue), owner_(owner), on_reached_(on_reached) {}

  DeadlineQueue& queue_;
  void* owner_;
  OnReached on_reached_;
  net::Time due_{};
  net::Time placed_for_{};       // not after due_
  std::size_t index_ = nowhere;  // in the heap
  bool is_set_ = false;
};

}  // namespace vsaproxy::relay
