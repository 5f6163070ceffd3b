#include "proxy/net/readable_set.h"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace vsaproxy::net {
namespace {

constexpr int most_in_turn = 4;

// A socket with its peer, and how often there was something to read.
class CountingReader final : public ReadableSet::Reader {
 public:
  CountingReader() {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    socket = FileDescriptor(ends[0]);
    peer = FileDescriptor(ends[1]);
  }
  void on_read_event() override {
    ++calls;
    char byte = 0;
    last_read = recv(socket.get(), &byte, 1, 0);
    if (also) also();
  }
  void send_bytes(int count) const {
    for (int i = 0; i < count; ++i) REQUIRE(send(peer.get(), "x", 1, 0) == 1);
  }

  FileDescriptor socket, peer;
  int calls = 0;
  ssize_t last_read = -2;
  std::function<void()> also;
};

class Bench {
 public:
  CountingReader& add() {
    readers.push_back(std::make_unique<CountingReader>());
    REQUIRE(set.add(readers.back()->socket.get(), *readers.back()));
    return *readers.back();
  }
  void remove(CountingReader& reader) { set.remove(reader.socket.get(), reader); }
  void turn() { event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK); }
  int calls() const {
    int sum = 0;
    for (const auto& reader : readers) sum += reader->calls;
    return sum;
  }

  EventBaseHandle base{event_base_new()};
  ReadableSet set{base.get(), most_in_turn};
  std::vector<std::unique_ptr<CountingReader>> readers;
};

TEST_CASE("a reader is called in each turn in which its socket has something to read") {
  Bench bench;
  CountingReader& reader = bench.add();
  bench.turn();
  CHECK(reader.calls == 0);
  reader.send_bytes(2);
  bench.turn();
  CHECK(reader.calls == 1);
  bench.turn();
  CHECK(reader.calls == 2);
  bench.turn();
  CHECK(reader.calls == 2);
}

TEST_CASE("the end of a connection is something to read") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.peer = FileDescriptor();
  bench.turn();
  CHECK(reader.calls == 1);
  CHECK(reader.last_read == 0);
}

TEST_CASE("few readers are called in one turn, and all before one is called again") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.add().send_bytes(2);
  bench.turn();
  CHECK(bench.calls() == most_in_turn);
  bench.turn();
  CHECK(bench.calls() == 2 * most_in_turn);
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls >= 1);
  bench.turn();
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 2);
}

TEST_CASE("a reader that another one of the same turn removes is not called") {
  Bench bench;
  CountingReader& one = bench.add();
  CountingReader& other = bench.add();
  one.also = [&] { bench.remove(other); };
  other.also = [&] { bench.remove(one); };
  one.send_bytes(1);
  other.send_bytes(1);
  bench.turn();
  bench.turn();
  CHECK(bench.calls() == 1);
}

TEST_CASE("a reader that was removed is not called until it is added again") {
  Bench bench;
  CountingReader& reader = bench.add();
  bench.remove(reader);
  reader.send_bytes(1);
  bench.turn();
  CHECK(reader.calls == 0);
  REQUIRE(bench.set.add(reader.socket.get(), reader));
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("a reader can be called once without anything on its socket") {
  Bench bench;
  CountingReader& reader = bench.add();
  bench.set.call(reader);
  bench.set.call(reader);
  bench.turn();
  CHECK(reader.calls == 1);
  CHECK(reader.last_read == -1);
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("a reader that asks for its call in each call gets one in each turn") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.also = [&] { bench.set.call(reader); };
  bench.set.call(reader);
  bench.turn();
  CHECK(reader.calls == 1);
  bench.turn();
  CHECK(reader.calls == 2);
}

TEST_CASE("a reader that was to be called and is removed is not called") {
  Bench bench;
  CountingReader& reader = bench.add();
  bench.set.call(reader);
  bench.remove(reader);
  bench.turn();
  CHECK(reader.calls == 0);
  REQUIRE(bench.set.add(reader.socket.get(), reader));
  bench.set.call(reader);
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("so many readers that are called in one turn, the rest in the next") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.set.call(bench.add());
  bench.turn();
  CHECK(bench.calls() == most_in_turn);
  bench.turn();
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 1);
}

TEST_CASE("a set without a limit that matters calls all that are readable, each once in a turn") {
  EventBaseHandle base(event_base_new());
  ReadableSet set(base.get(), 4096);
  std::vector<std::unique_ptr<CountingReader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(std::make_unique<CountingReader>());
    REQUIRE(set.add(readers.back()->socket.get(), *readers.back()));
    readers.back()->send_bytes(9);
  }
  // It looks at more sockets at a time when there are more.
  for (int turn = 0; turn < 3; ++turn) event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  std::vector<int> before;
  for (const auto& reader : readers) before.push_back(reader->calls);
  event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  for (std::size_t i = 0; i < readers.size(); ++i) CHECK(readers[i]->calls == before[i] + 1);
}

TEST_CASE("what is readable in the set before comes first, whichever came first") {
  const bool was_first = GENERATE(true, false);
  EventBaseHandle base(event_base_new());
  ReadableSet before(base.get(), 64);
  ReadableSet after(base.get(), 64, &before);
  std::vector<int> order;
  CountingReader one, other;
  one.also = [&] { order.push_back(1); };
  other.also = [&] { order.push_back(2); };
  REQUIRE(before.add(one.socket.get(), one));
  REQUIRE(after.add(other.socket.get(), other));
  (was_first ? one : other).send_bytes(1);
  (was_first ? other : one).send_bytes(1);
  event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  CHECK(order == std::vector{1, 2});
}

TEST_CASE("what the kernel can't watch is not added, but can be called") {
  Bench bench;
  CountingReader reader;
  CHECK_FALSE(bench.set.add(-1, reader));
  bench.set.call(reader);
  bench.turn();
  CHECK(reader.calls == 1);
}

}  // namespace
}  // namespace vsaproxy::net
