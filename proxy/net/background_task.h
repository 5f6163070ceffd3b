#pragma once
// Work that blocks, in a thread of its own, so that the thread whose loop needs the outcome goes
// on. Owned by who asks for it, in the loop's thread.

#include <functional>
#include <memory>
#include <thread>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/file_descriptor.h"

namespace vsaproxy::net {

class BackgroundTask {
 public:
  // Runs in the thread. `stop` is a descriptor: the work returns soon once it is readable. What it
  // returns runs in the loop, unless the task has been destroyed by then.
  using Work = std::function<std::function<void()>(int stop)>;

  BackgroundTask();
  // Tells the work to stop, and waits for it.
  ~BackgroundTask();
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;

  // Once. Errors: system, where there are no more threads or descriptors.
  base::Result<void> start(EventLoop& loop, Work work);

 private:
  struct Alive {};

  const ops::FileDescriptor stop_;
  const std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();
  std::thread thread_;
};

}  // namespace vsaproxy::net
