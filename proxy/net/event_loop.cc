#include "proxy/net/event_loop.h"

#include <event2/thread.h>
#include <sys/eventfd.h>

#include <cstdlib>
#include <utility>

#include "proxy/net/outbox.h"
#include "proxy/net/read_turns.h"

namespace vsaproxy::net {
namespace {

timeval to_timeval(Duration delay) {
  const auto count = std::max<std::int64_t>(delay.count(), 0);
  return {.tv_sec = count / 1000, .tv_usec = (count % 1000) * 1000};
}

class LibeventTimer final : public Timer {
 public:
  LibeventTimer(event_base* base, std::function<void()> on_expired)
      : on_expired_(std::move(on_expired)) {
    event_.assign(base, -1, 0, &expired, this);
  }

  void start(Duration delay) override {
    const timeval wait = to_timeval(delay);
    event_add(event_.get(), &wait);
  }
  void stop() override { event_del(event_.get()); }

 private:
  static void expired(evutil_socket_t, short, void* self) noexcept {
    static_cast<LibeventTimer*>(self)->on_expired_();
  }

  std::function<void()> on_expired_;
  Event event_;
};

EventBaseHandle make_base() {
  struct ConfigFree {
    void operator()(event_config* config) const { event_config_free(config); }
  };
  const std::unique_ptr<event_config, ConfigFree> config(event_config_new());
  // Only wake() crosses threads, and that is a plain write to an eventfd: no locks are needed.
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
  return EventBaseHandle(event_base_new_with_config(config.get()));
}

// Few at a time begin something, so that those before them get on.
constexpr ReadTurns::Limits beginning{.in_turn = 32, .in_loop = 64};

}  // namespace

LibeventLoop::LibeventLoop()
    : base_(make_base()),
      read_turns_(std::make_unique<ReadTurns>(base_.get(), beginning)),
      outbox_(std::make_unique<Outbox>()),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!base_ || !wake_fd_) std::abort();  // no memory or no descriptors at start
  wake_event_.reset(event_new(
      base_.get(), wake_fd_.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t fd, short, void* self) noexcept {
        eventfd_t count = 0;
        eventfd_read(fd, &count);
        static_cast<LibeventLoop*>(self)->run_posted();
      },
      this));
  event_add(wake_event_.get(), nullptr);
}

LibeventLoop::~LibeventLoop() { empty_grave(); }

Time LibeventLoop::now() {
  if (!now_is_known_) {
    now_ = std::chrono::steady_clock::now();
    now_is_known_ = true;
  }
  return now_;
}

std::unique_ptr<Timer> LibeventLoop::make_timer(std::function<void()> on_expired) {
  return std::make_unique<LibeventTimer>(base_.get(), std::move(on_expired));
}

void LibeventLoop::post(std::function<void()> work) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (was_empty) wake();
}

void LibeventLoop::wake() noexcept { eventfd_write(wake_fd_.get(), 1); }

void LibeventLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& function : work) function();
}

void LibeventLoop::run() {
  while (!stopping_) {
    event_base_loop(base_.get(), EVLOOP_ONCE);
    outbox_->send_all();
    now_is_known_ = false;
    empty_grave();
  }
  stopping_ = false;
  run_posted();
  outbox_->send_all();
  empty_grave();
}

// Destructors may bury more.
void LibeventLoop::empty_grave() {
  while (!grave_.empty()) {
    dead_.swap(grave_);
    dead_.clear();
  }
}

void LibeventLoop::stop() {
  post([this] { stopping_ = true; });
}

EventHandle LibeventLoop::watch_signal(int number, std::function<void()> on_signal) {
  signal_callbacks_.push_back(std::make_unique<std::function<void()>>(std::move(on_signal)));
  EventHandle handle(evsignal_new(
      base_.get(), number,
      [](evutil_socket_t, short, void* callback) noexcept {
        (*static_cast<std::function<void()>*>(callback))();
      },
      signal_callbacks_.back().get()));
  event_add(handle.get(), nullptr);
  return handle;
}

void LibeventLoop::bury(Buried object) { grave_.push_back(std::move(object)); }

}  // namespace vsaproxy::net
