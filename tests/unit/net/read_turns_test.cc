#include "proxy/net/read_turns.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace vsaproxy::net {
namespace {

constexpr int most_in_turn = 4;

struct Ends {
  Ends() {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    socket = FileDescriptor(fds[0]);
    peer = FileDescriptor(fds[1]);
  }
  FileDescriptor socket, peer;
};

// Reads a byte at a time, and counts.
class CountingReader final : Ends, public ReadTurns::Reader {
 public:
  CountingReader(ReadTurns& turns, Urgency urgency) : Reader(turns, Ends::socket.get(), urgency) {
    watch();
  }
  ~CountingReader() { unwatch(); }
  void on_read_event() override {
    ++calls;
    char byte = 0;
    last_read = recv(socket.get(), &byte, 1, 0);
    if (also) also();
  }
  void send_bytes(int count) const {
    for (int i = 0; i < count; ++i) REQUIRE(send(peer.get(), "x", 1, 0) == 1);
  }
  void close_peer() { peer = FileDescriptor(); }
  using Reader::call_later;
  using Reader::is_watched;
  using Reader::unwatch;
  using Reader::watch;

  int calls = 0;
  ssize_t last_read = -2;
  std::function<void()> also;
};

// Clients: none or one or all of them are watched by the loop, the others are a crowd.
class Bench {
 public:
  CountingReader& add(Urgency urgency = Urgency::begins) {
    readers.push_back(std::make_unique<CountingReader>(turns, urgency));
    return *readers.back();
  }
  void turn() { event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK); }
  int calls() const {
    int sum = 0;
    for (const auto& reader : readers) sum += reader->calls;
    return sum;
  }

  EventBaseHandle base{event_base_new()};
  ReadTurns turns{base.get(), {.in_turn = most_in_turn, .in_loop = GENERATE(0, 1, 100)}};
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
  reader.close_peer();
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
  one.also = [&] { other.unwatch(); };
  other.also = [&] { one.unwatch(); };
  one.send_bytes(1);
  other.send_bytes(1);
  bench.turn();
  bench.turn();
  CHECK(bench.calls() == 1);
}

TEST_CASE("a reader that was removed is not called until it is added again") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.unwatch();
  reader.send_bytes(1);
  bench.turn();
  CHECK(reader.calls == 0);
  reader.watch();
  REQUIRE(reader.is_watched());
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("a reader can be called once without anything on its socket") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.call_later();
  reader.call_later();
  bench.turn();
  CHECK(reader.calls == 1);
  CHECK(reader.last_read == -1);
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("a reader that asks for its call in each call gets one in each turn") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.also = [&] { reader.call_later(); };
  reader.call_later();
  bench.turn();
  CHECK(reader.calls == 1);
  bench.turn();
  CHECK(reader.calls == 2);
}

TEST_CASE("a reader that was to be called and is removed is not called") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.call_later();
  reader.unwatch();
  bench.turn();
  CHECK(reader.calls == 0);
  reader.watch();
  REQUIRE(reader.is_watched());
  reader.call_later();
  bench.turn();
  CHECK(reader.calls == 1);
}

TEST_CASE("so many readers that are called in one turn, the rest in the next") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.add().call_later();
  bench.turn();
  CHECK(bench.calls() == most_in_turn);
  bench.turn();
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 1);
}

TEST_CASE("all that go on with work are called in a turn, each once") {
  Bench bench;
  for (int i = 0; i < 30; ++i) bench.add(Urgency::goes_on).send_bytes(2);
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 1);
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 2);
}

TEST_CASE("what goes on with work comes before what begins, whichever was readable first") {
  const bool begins_first = GENERATE(true, false);
  Bench bench;
  std::vector<Urgency> order;
  for (const Urgency urgency : {Urgency::begins, Urgency::goes_on}) {
    bench.add(urgency).also = [&order, urgency] { order.push_back(urgency); };
  }
  bench.readers[begins_first ? 0 : 1]->send_bytes(1);
  bench.readers[begins_first ? 1 : 0]->send_bytes(1);
  bench.turn();
  CHECK(order == std::vector{Urgency::goes_on, Urgency::begins});
}

TEST_CASE("readers that go on and call themselves in each turn leave the others theirs") {
  Bench bench;
  CountingReader& busy = bench.add(Urgency::goes_on);
  busy.also = [&] { busy.call_later(); };
  busy.send_bytes(8);
  CountingReader& other = bench.add();
  other.send_bytes(3);
  for (int i = 0; i < 4; ++i) bench.turn();
  CHECK(other.calls == 3);
}

TEST_CASE("whoever waits gets a turn, in the crowd and beside it, though all have more each time") {
  Bench bench;
  for (int i = 0; i < 12; ++i) bench.add().send_bytes(50);
  for (int i = 0; i < 30; ++i) bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls >= 8);
}

TEST_CASE("a large crowd and those beside it get as many turns each") {
  EventBaseHandle base(event_base_new());
  ReadTurns turns(base.get(), {.in_turn = 16, .in_loop = 64});
  std::vector<std::unique_ptr<CountingReader>> readers;
  for (int i = 0; i < 400; ++i) {
    readers.push_back(std::make_unique<CountingReader>(turns, Urgency::begins));
    readers.back()->send_bytes(99);
  }
  for (int i = 0; i < 600; ++i) event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  for (const auto& reader : readers) {
    CHECK(reader->calls >= 18);  // 24 for each
    CHECK(reader->calls <= 34);
  }
}

TEST_CASE("who comes from the crowd into the loop's places is not called less or more for it") {
  EventBaseHandle base(event_base_new());
  ReadTurns turns(base.get(), {.in_turn = 4, .in_loop = 2});
  std::vector<std::unique_ptr<CountingReader>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(std::make_unique<CountingReader>(turns, Urgency::begins));
    readers.back()->send_bytes(9);
  }
  readers.erase(readers.begin(), readers.begin() + 2);
  for (int i = 0; i < 20; ++i) event_base_loop(base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  for (const auto& reader : readers) CHECK(reader->calls == 9);
}

TEST_CASE("a reader that ends while it waits is not called") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.add().send_bytes(1);
  bench.turn();
  bench.readers.resize(5);
  bench.turn();
  bench.turn();
  for (const auto& reader : bench.readers) CHECK(reader->calls == 1);
}

TEST_CASE("a reader that unwatches and watches in its call is called again if there is more") {
  Bench bench;
  CountingReader& reader = bench.add();
  reader.also = [&] {
    reader.unwatch();
    reader.watch();
  };
  reader.send_bytes(2);
  for (int i = 0; i < 4; ++i) bench.turn();
  CHECK(reader.calls == 2);
}

// epoll refuses a file, as it refuses one socket more than it may watch.
class FileReader final : public ReadTurns::Reader {
 public:
  FileReader(ReadTurns& turns, const FileDescriptor& file, Urgency urgency)
      : Reader(turns, file.get(), urgency) {
    watch();
  }
  ~FileReader() { unwatch(); }
  void on_read_event() override { ++calls; }
  using Reader::is_watched;
  int calls = 0;
};

TEST_CASE("what the kernel does not watch is called once") {
  Bench bench;
  const FileDescriptor file(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  FileReader reader(bench.turns, file, GENERATE(Urgency::begins, Urgency::goes_on));
  CHECK_FALSE(reader.is_watched());
  bench.turn();
  bench.turn();
  CHECK(reader.calls == 1);
}

}  // namespace
}  // namespace vsaproxy::net
