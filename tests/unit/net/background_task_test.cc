// Work in a thread of its own, for a real loop.

#include "proxy/net/background_task.h"

#include <poll.h>

#include <catch2/catch.hpp>

#include "tests/support/no_threads.h"

namespace vsaproxy::net {
namespace {

void wait_for(int stop) {
  pollfd wait{stop, POLLIN, 0};
  ::poll(&wait, 1, 60'000);
}

TEST_CASE("the outcome of blocking work comes back in the thread of the loop") {
  LibeventLoop loop;
  const auto ours = std::this_thread::get_id();
  std::thread::id worked;
  std::thread::id finished;
  BackgroundTask task;
  const auto started = task.start(loop, [&](int) {
    worked = std::this_thread::get_id();
    return [&] {
      finished = std::this_thread::get_id();
      loop.stop();
    };
  });
  REQUIRE(started);
  loop.run();
  CHECK(worked != ours);
  CHECK(finished == ours);
}

TEST_CASE("work whose task is gone has been stopped, and its outcome reaches nobody") {
  LibeventLoop loop;
  bool was_stopped = false;
  bool has_finished = false;
  auto task = std::make_unique<BackgroundTask>();
  const auto started = task->start(loop, [&](int stop) {
    wait_for(stop);
    was_stopped = true;
    return [&] { has_finished = true; };
  });
  REQUIRE(started);
  task.reset();
  CHECK(was_stopped);
  loop.stop();
  loop.run();
  CHECK_FALSE(has_finished);
}

TEST_CASE("without a thread the work is an error, no end of the process") {
  LibeventLoop loop;
  const NoThreads none;
  BackgroundTask task;
  const auto started = task.start(loop, [](int) { return [] {}; });
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == base::ErrorKind::system);
  CHECK(started.error().detail == "no thread can be started: Resource temporarily unavailable");
}

}  // namespace
}  // namespace vsaproxy::net
