#pragma once
// The turn of one thread: timers, work posted by other threads, and a grave for objects that may
// still be on the stack. An interface, so that tests can turn time by hand.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/handles.h"

namespace vsaproxy::net {

using base::Duration;
using base::Time;

class Outbox;
class ReadTurns;

// Destroying it cancels. Its own thread only.
class Timer {
 public:
  virtual ~Timer() = default;
  // Starts or restarts; the callback runs once.
  virtual void start(Duration delay) = 0;
  virtual void stop() = 0;
};

class EventLoop {
 public:
  virtual ~EventLoop() = default;

  // The time of this turn: the same for all that happens in it.
  virtual Time now() = 0;
  // The callback must not throw.
  virtual std::unique_ptr<Timer> make_timer(std::function<void()> on_expired) = 0;
  // Runs the function in this loop's thread, in the order of posting. Any thread.
  virtual void post(std::function<void()> work) = 0;

  // Destroys the object when the current turn is over. Its deleter must have no state.
  template <class T, class Deleter>
  void destroy_later(std::unique_ptr<T, Deleter> object) {
    if (!object) return;
    bury(Buried(object.release(),
                [](void* dead) { std::unique_ptr<T, Deleter>(static_cast<T*>(dead)); }));
  }

 protected:
  using Buried = std::unique_ptr<void, void (*)(void*)>;
  virtual void bury(Buried object) = 0;
};

// The real one, on libevent. Made by any thread, run by one.
class LibeventLoop final : public EventLoop {
 public:
  LibeventLoop();
  ~LibeventLoop() override;
  LibeventLoop(const LibeventLoop&) = delete;
  LibeventLoop& operator=(const LibeventLoop&) = delete;

  Time now() override;
  std::unique_ptr<Timer> make_timer(std::function<void()> on_expired) override;
  void post(std::function<void()> work) override;

  // Turns until stop(). What was posted before stop() is still done.
  void run();
  // Any thread.
  void stop();

  // Calls back on each delivery of the signal, as part of a turn. Destroying the handle ends it.
  EventHandle watch_signal(int number, std::function<void()> on_signal);
  event_base* base() { return base_.get(); }
  ReadTurns& read_turns() { return *read_turns_; }
  Outbox& outbox() { return *outbox_; }

 private:
  void bury(Buried object) override;
  void wake() noexcept;
  void run_posted();
  void empty_grave();

  EventBaseHandle base_;
  std::unique_ptr<ReadTurns> read_turns_;
  std::unique_ptr<Outbox> outbox_;
  FileDescriptor wake_fd_;
  EventHandle wake_event_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  std::vector<Buried> grave_;
  std::vector<Buried> dead_;  // being destroyed; its memory is used again
  std::vector<std::unique_ptr<std::function<void()>>> signal_callbacks_;
  Time now_{};
  bool now_is_known_ = false;
  bool stopping_ = false;
};

}  // namespace vsaproxy::net
