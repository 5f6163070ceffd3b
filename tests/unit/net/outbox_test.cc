#include "proxy/net/outbox.h"

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/socket_stream.h"
#include "tests/unit/net/tcp_pair.h"

namespace vsaproxy::net {
namespace {

struct Peer final : StreamHandler {
  explicit Peer(LibeventLoop& loop, int buffer = 0) : pair(buffer) {
    stream = std::make_unique<SocketStream>(loop, std::move(pair.ours), Urgency::goes_on);
    stream->set_handler(this);
  }

  void on_readable() override {
    std::array<char, 16> bytes{};
    if (stream->read(bytes).status != IoStatus::ok) stream->set_reading(false);
  }
  void on_drained() override { ++drained; }
  void on_failed(const base::Error& error) override {
    ++failures;
    reason = error.detail;
  }

  void write(std::string_view bytes) const { REQUIRE(stream->write({&bytes, 1})); }
  // That is gone, which its system says to who sends.
  void leave() {
    pair.peers = FileDescriptor();
    write("x");
    stream->push();
  }

  TcpPair pair;
  std::unique_ptr<SocketStream> stream;
  int drained = 0;
  int failures = 0;
  std::string reason;
};

void turn(LibeventLoop& loop) {
  loop.stop();
  loop.run();
}

TEST_CASE("what streams write in a turn waits for its end") {
  LibeventLoop loop;
  Peer one(loop), other(loop);
  one.write("a head, ");
  other.write("another");
  CHECK(one.pair.receive().empty());
  turn(loop);
  CHECK(one.pair.receive() == "a head, ");
  CHECK(other.pair.receive() == "another");
  CHECK(one.drained == 0);
}

TEST_CASE("a stream's bytes keep their order, whoever writes between, and however long they are") {
  LibeventLoop loop;
  Peer one(loop), other(loop);
  const std::string longer(5000, 'x');
  one.write("1");
  one.write("2");
  other.write("a");
  one.write("3");
  one.write("4");
  one.write(longer);
  one.write("5");
  turn(loop);
  CHECK((one.pair.receive() == "1234" + longer + "5"));
  CHECK(other.pair.receive() == "a");
}

TEST_CASE("a long write does not wait, and takes what waits with it") {
  LibeventLoop loop;
  Peer peer(loop);
  const std::string longer(5000, 'x');
  peer.write("1");
  peer.write(longer);
  CHECK((peer.pair.receive() == "1" + longer));
}

TEST_CASE("push, the end of writing and the end of the stream send what waits") {
  LibeventLoop loop;
  Peer peer(loop);
  peer.write("1");
  peer.stream->push();
  CHECK(peer.pair.receive() == "1");
  peer.stream->push();
  peer.write("2");
  bool at_end = false;
  SECTION("the end of writing") { peer.stream->finish_writing(); }
  SECTION("the end of the stream") { peer.stream.reset(); }
  CHECK(peer.pair.receive(&at_end) == "2");
  CHECK(at_end);
  turn(loop);
}

TEST_CASE("more streams than there is room for, and more bytes, all reach their peers") {
  LibeventLoop loop;
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 150; ++i) peers.push_back(std::make_unique<Peer>(loop));
  const std::size_t size = GENERATE(1, 2048);
  for (int i = 0; i < 150; ++i) peers[i]->write(std::string(size, static_cast<char>('a' + i % 26)));
  turn(loop);
  for (int i = 0; i < 150; ++i) {
    CHECK((peers[i]->pair.receive() == std::string(size, static_cast<char>('a' + i % 26))));
  }
}

TEST_CASE("one stream fills all the room") {
  LibeventLoop loop;
  Peer peer(loop, 256 * 1024);
  std::string all;
  for (int i = 0; i < 60; ++i) {
    const std::string part(2000, static_cast<char>('a' + i % 26));
    peer.write(part);
    all += part;
  }
  turn(loop);
  CHECK((peer.pair.receive() == all));
}

TEST_CASE("what a peer does not take at the end of a turn is kept for it, in order") {
  LibeventLoop loop;
  Peer peer(loop, 4096);
  std::string all, got;
  for (int i = 0; i < 10'000 && peer.stream->unsent() == 0; ++i) {
    const std::string part(1500, static_cast<char>('a' + i % 26));
    peer.write(part);
    peer.write("-");
    all += part + "-";
    turn(loop);
  }
  REQUIRE(peer.stream->unsent() > 0);
  peer.write("the last");
  all += "the last";
  for (int i = 0; i < 1000 && got.size() < all.size(); ++i) {
    got += peer.pair.receive();
    turn(loop);
  }
  CHECK((got == all));
  CHECK(peer.drained == 1);
  CHECK(peer.stream->unsent() == 0);
}

TEST_CASE("who writes to a peer that is gone is told so, once, and from the loop") {
  LibeventLoop loop;
  Peer peer(loop);
  peer.leave();
  peer.write("lost");
  turn(loop);
  CHECK(peer.failures == 0);
  turn(loop);
  CHECK(peer.failures == 1);
  CHECK(peer.reason == "the peer closed while we were sending");
  const std::string_view more = "more";
  CHECK_FALSE(peer.stream->write({&more, 1}));
  turn(loop);
  turn(loop);
  CHECK(peer.failures == 1);
}

TEST_CASE("a peer that is gone holds up nobody else") {
  LibeventLoop loop;
  Peer gone(loop), other(loop);
  gone.leave();
  gone.write("lost");
  other.write("here");
  turn(loop);
  CHECK(other.pair.receive() == "here");
}

}  // namespace
}  // namespace vsaproxy::net
