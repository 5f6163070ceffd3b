#include "proxy/net/pipe_splicer.h"

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "proxy/net/socket_stream.h"
#include "tests/unit/net/tcp_pair.h"

namespace vsaproxy::net {
namespace {

// A stream and the other end of its socket.
struct Link {
  Link(LibeventLoop& loop, int buffer = 0)
      : pair(buffer), stream(loop, std::move(pair.ours), Urgency::goes_on) {
    stream.set_handler(&handler);
  }

  struct Handler final : StreamHandler {
    void on_readable() override {}
    void on_drained() override {}
    void on_failed(const base::Error&) override { ++failures; }
    int failures = 0;
  } handler;
  TcpPair pair;
  SocketStream stream;
};

struct Setting {
  LibeventLoop loop;
  std::array<char, 1000> scratch{};  // smaller than what does not fit into a socket
  PipeSplicer splicer{scratch};
  Link from{loop};

  void turn() {
    loop.stop();
    loop.run();
  }

  // What the receiver gets of so many bytes.
  std::string move_all(Link& to, std::size_t size) {
    std::string got;
    for (int i = 0; i < 1000 && got.size() < size; ++i) {
      if (to.stream.unsent() == 0) splicer.move(from.stream, to.stream, size);
      most_unsent = std::max(most_unsent, to.stream.unsent());
      turn();
      got += to.pair.receive();
    }
    return got;
  }
  std::size_t most_unsent = 0;
};

TEST_CASE("bytes go from one socket to another, and no more than wanted") {
  Setting s;
  Link to(s.loop);
  REQUIRE(s.splicer.can_move(s.from.stream, to.stream));
  s.from.pair.send("0123456789");
  const auto moved = s.splicer.move(s.from.stream, to.stream, 4);
  CHECK(moved.read.status == IoStatus::ok);
  CHECK(moved.read.bytes == 4);
  CHECK(moved.is_taken);
  CHECK(to.pair.receive() == "0123");
  CHECK(s.splicer.move(s.from.stream, to.stream, 100).read.bytes == 6);
  CHECK(to.pair.receive() == "456789");
}

TEST_CASE("nothing to move and an end are told apart") {
  Setting s;
  Link to(s.loop);
  CHECK(s.splicer.move(s.from.stream, to.stream, 9).read.status == IoStatus::would_block);
  s.from.pair.peers = FileDescriptor();
  CHECK(s.splicer.move(s.from.stream, to.stream, 9).read.status == IoStatus::end);
}

TEST_CASE("what the receiver does not take at once is kept for it, in order") {
  Setting s;
  Link to(s.loop, 4096);
  std::string bytes(100'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 23);
  s.from.pair.send(bytes);
  CHECK((s.move_all(to, bytes.size()) == bytes));
  CHECK(s.most_unsent > s.scratch.size());
}

TEST_CASE("what a broken receiver does not take reaches nobody else") {
  std::signal(SIGPIPE, SIG_IGN);
  Setting s;
  Link to(s.loop);
  to.pair.peers = FileDescriptor();
  const std::string_view knock = "x";
  to.stream.write({&knock, 1});
  to.stream.push();  // and is answered with a reset
  s.from.pair.send("a secret of another client");
  const auto moved = s.splicer.move(s.from.stream, to.stream, 100);
  CHECK(moved.read.status == IoStatus::ok);
  s.turn();  // what is left of it is sent
  s.turn();  // in vain, which is told
  CHECK(to.handler.failures == 1);
  Link other(s.loop);
  s.from.pair.send("mine");
  CHECK(s.splicer.move(s.from.stream, other.stream, 100).is_taken);
  s.turn();
  CHECK(other.pair.receive() == "mine");
}

TEST_CASE("a stream without a socket of its own can't be moved to or from") {
  class Hidden final : public Stream {
   public:
    void set_handler(StreamHandler*) override {}
    ReadResult read(std::span<char>) override { return {}; }
    bool write(std::span<const std::string_view>) override { return true; }
    std::size_t unsent() const override { return 0; }
    std::size_t undelivered() const override { return 0; }
    void set_reading(bool) override {}
    void finish_writing() override {}
    void reset_on_close() override {}
  } hidden;
  Setting s;
  CHECK_FALSE(s.splicer.can_move(hidden, s.from.stream));
  CHECK_FALSE(s.splicer.can_move(s.from.stream, hidden));
}

}  // namespace
}  // namespace vsaproxy::net
