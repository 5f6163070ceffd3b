#include "proxy/net/background_task.h"

#include <sys/eventfd.h>

#include <csignal>
#include <system_error>
#include <utility>

namespace vsaproxy::net {

BackgroundTask::BackgroundTask() : stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

base::Result<void> BackgroundTask::start(EventLoop& loop, Work work) {
  if (!stop_.is_open()) {
    return base::fail(base::ErrorKind::system, "there are no more descriptors");
  }
  try {
    thread_ = std::thread(
        [&loop, work = std::move(work), stop = stop_.get(), alive = std::weak_ptr<Alive>(alive_)] {
          // Signals are the main thread's.
          sigset_t all;
          sigfillset(&all);
          pthread_sigmask(SIG_SETMASK, &all, nullptr);
          loop.post([alive, finish = work(stop)] {
            if (!alive.expired()) finish();
          });
        });
  } catch (const std::system_error& error) {
    return base::fail(base::ErrorKind::system,
                      "no thread can be started: " + error.code().message());
  }
  return {};
}

BackgroundTask::~BackgroundTask() {
  ::eventfd_write(stop_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

}  // namespace vsaproxy::net
