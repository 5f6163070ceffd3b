#include "proxy/net/pipe_splicer.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "proxy/net/socket_stream.h"

namespace vsaproxy::net {
namespace {

// A stream and the other end of its socket.
class Link {
 public:
  explicit Link(LibeventLoop& loop) {
    std::array<int, 2> ends;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    peer_ = FileDescriptor(ends[1]);
    stream_ = std::make_unique<SocketStream>(loop, FileDescriptor(ends[0]), Urgency::goes_on);
  }

  SocketStream& stream() { return *stream_; }
  void close() { peer_ = FileDescriptor(); }

  void send(std::string_view bytes) {
    REQUIRE(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // Until the socket takes nothing more.
  void fill() {
    const std::string_view part = "filling";
    while (stream_->unsent() == 0) stream_->write({&part, 1});
  }
  std::string receive() {
    std::string all;
    std::array<char, 4096> part;
    for (;;) {
      const ssize_t n = recv(peer_.get(), part.data(), part.size(), 0);
      if (n <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  FileDescriptor peer_;
  std::unique_ptr<SocketStream> stream_;
};

struct Setting {
  LibeventLoop loop;
  std::array<char, 1000> scratch{};  // smaller than what does not fit into a socket
  PipeSplicer splicer{scratch};
  Link from{loop};
  Link to{loop};
};

TEST_CASE("bytes go from one socket to another, and no more than wanted") {
  Setting s;
  REQUIRE(s.splicer.can_move(s.from.stream(), s.to.stream()));
  s.from.send("0123456789");
  const auto moved = s.splicer.move(s.from.stream(), s.to.stream(), 4);
  CHECK(moved.read.status == IoStatus::ok);
  CHECK(moved.read.bytes == 4);
  CHECK(moved.is_taken);
  CHECK(s.to.receive() == "0123");
  CHECK(s.splicer.move(s.from.stream(), s.to.stream(), 100).read.bytes == 6);
  CHECK(s.to.receive() == "456789");
}

TEST_CASE("nothing to move and an end are told apart") {
  Setting s;
  CHECK(s.splicer.move(s.from.stream(), s.to.stream(), 9).read.status == IoStatus::would_block);
  s.from.close();
  CHECK(s.splicer.move(s.from.stream(), s.to.stream(), 9).read.status == IoStatus::end);
}

TEST_CASE("what the receiver does not take at once is kept for it") {
  Setting s;
  s.to.fill();
  const std::size_t unsent = s.to.stream().unsent();
  const std::string bytes(50'000, 'x');
  s.from.send(bytes);
  const auto moved = s.splicer.move(s.from.stream(), s.to.stream(), bytes.size());
  CHECK(moved.read.bytes == bytes.size());
  CHECK(moved.is_taken);
  CHECK(s.to.stream().unsent() == unsent + bytes.size());
}

TEST_CASE("what a broken receiver does not take reaches nobody else") {
  std::signal(SIGPIPE, SIG_IGN);
  Setting s;
  s.to.close();
  s.from.send("a secret of another client");
  const auto moved = s.splicer.move(s.from.stream(), s.to.stream(), 100);
  CHECK(moved.read.status == IoStatus::ok);
  CHECK_FALSE(moved.is_taken);
  Link other(s.loop);
  s.from.send("mine");
  CHECK(s.splicer.move(s.from.stream(), other.stream(), 100).is_taken);
  CHECK(other.receive() == "mine");
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
  CHECK_FALSE(s.splicer.can_move(hidden, s.to.stream()));
  CHECK_FALSE(s.splicer.can_move(s.from.stream(), hidden));
}

}  // namespace
}  // namespace vsaproxy::net
