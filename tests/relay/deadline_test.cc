#include "proxy/relay/deadline.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/manual_loop.h"

namespace vsaproxy::relay {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Watched {
  Watched(DeadlineQueue& queue, std::string own_name, std::vector<std::string>& all_reached)
      : name(std::move(own_name)),
        reached(all_reached),
        deadline(Deadline::calling<&Watched::on_reached>(queue, *this)) {}
  void on_reached() {
    reached.push_back(name);
    if (then) then();
  }

  std::string name;
  std::vector<std::string>& reached;
  std::function<void()> then;
  Deadline deadline;
};

struct Bench {
  std::unique_ptr<Watched> make(std::string name) {
    return std::make_unique<Watched>(queue, std::move(name), reached);
  }

  net::ManualLoop loop;
  DeadlineQueue queue{loop};
  std::vector<std::string> reached;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("deadlines are reached in their order, whatever the order of setting") {
  Bench bench;
  std::vector<std::unique_ptr<Watched>> all;
  for (const int after : {5, 1, 4, 2, 3}) {
    all.push_back(bench.make(std::to_string(after)));
    all.back()->deadline.set(seconds(after));
  }
  bench.loop.advance(milliseconds(999));
  CHECK(bench.reached.empty());
  bench.loop.advance(milliseconds(1));
  CHECK(bench.reached == Names{"1"});
  bench.loop.advance(seconds(9));
  CHECK(bench.reached == Names{"1", "2", "3", "4", "5"});
}

TEST_CASE("a deadline that is moved is reached at its last time only") {
  Bench bench;
  const auto one = bench.make("one");
  SECTION("later, again and again") {
    for (int i = 0; i < 10; ++i) {
      one->deadline.set(seconds(2));
      bench.loop.advance(seconds(1));
    }
    CHECK(bench.reached.empty());
    bench.loop.advance(seconds(1));
  }
  SECTION("earlier") {
    one->deadline.set(seconds(10));
    one->deadline.set(seconds(1));
    bench.loop.advance(seconds(1));
  }
  CHECK(bench.reached == Names{"one"});
  CHECK_FALSE(one->deadline.is_set());
  bench.loop.advance(seconds(60));
  CHECK(bench.reached == Names{"one"});
}

TEST_CASE("a deadline that was cleared is not reached, and may be set again") {
  Bench bench;
  const auto one = bench.make("one");
  one->deadline.set(seconds(1));
  one->deadline.clear();
  bench.loop.advance(milliseconds(500));
  one->deadline.set(seconds(3));
  bench.loop.advance(milliseconds(2999));
  CHECK(bench.reached.empty());
  bench.loop.advance(milliseconds(1));
  CHECK(bench.reached == Names{"one"});
}

TEST_CASE("a callback may end, clear and set other deadlines") {
  Bench bench;
  const auto first = bench.make("first");
  auto ended = bench.make("ended");
  const auto cleared = bench.make("cleared");
  const auto late = bench.make("late");
  for (Watched* each : {first.get(), ended.get(), cleared.get()}) each->deadline.set(seconds(1));
  late->deadline.set(seconds(9));
  first->then = [&] {
    ended.reset();
    cleared->deadline.clear();
    late->deadline.set(seconds(2));
  };
  bench.loop.advance(seconds(2));
  CHECK(bench.reached == Names{"first"});
  bench.loop.advance(seconds(1));
  CHECK(bench.reached == Names{"first", "late"});
}

TEST_CASE("many deadlines that come, move and go keep their order") {
  Bench bench;
  std::vector<std::unique_ptr<Watched>> all;
  for (int i = 0; i < 500; ++i) {
    all.push_back(bench.make(std::to_string(i)));
    all.back()->deadline.set(milliseconds(1 + i * 7919 % 1000));
  }
  for (std::size_t i = 0; i < all.size(); i += 3) all[i].reset();
  std::vector<std::pair<int, std::string>> expected;
  for (int i = 0; i < 500; ++i) {
    if (i % 3 == 0) continue;
    const int due = 1 + i * 104'729 % 1000;
    all[static_cast<std::size_t>(i)]->deadline.set(milliseconds(due));
    expected.emplace_back(due, std::to_string(i));
  }
  std::size_t count = 0;
  for (int now = 1; now <= 1000; ++now) {
    bench.loop.advance(milliseconds(1));
    for (; count < bench.reached.size(); ++count) {
      const auto found =
          std::find(expected.begin(), expected.end(), std::pair(now, bench.reached[count]));
      REQUIRE(found != expected.end());
      expected.erase(found);
    }
  }
  CHECK(expected.empty());
}

}  // namespace vsaproxy::relay
