#include "proxy/net/socket_stream.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch.hpp>
#include <memory>

#include "tests/unit/net/tcp_pair.h"

namespace vsaproxy::net {
namespace {

class Reader final : public StreamHandler {
 public:
  Reader(LibeventLoop& loop, Stream& stream) : loop_(loop), stream_(stream) {}
  void on_readable() override {
    std::array<char, 16> bytes{};
    status = stream_.read(bytes).status;
    loop_.stop();
  }
  void on_drained() override {}
  void on_failed(const base::Error&) override {}

  IoStatus status = IoStatus::ok;

 private:
  LibeventLoop& loop_;
  Stream& stream_;
};

TEST_CASE("a socket that the kernel does not watch fails at once, and says why") {
  LibeventLoop loop;
  // epoll refuses a file, as it refuses one socket more than it may watch.
  SocketStream stream(loop, FileDescriptor(open("/proc/self/stat", O_RDONLY | O_CLOEXEC)),
                      Urgency::goes_on);
  Reader reader(loop, stream);
  stream.set_handler(&reader);
  loop.run();
  CHECK(reader.status == IoStatus::failed);
  REQUIRE(stream.failure());
  CHECK(stream.failure()->kind == base::ErrorKind::overloaded);
  CHECK_THAT(stream.failure()->detail, Catch::Contains("max_user_watches"));
}

TEST_CASE("the last bytes come with the end, and at once, though the peer sent what nobody reads") {
  for (const std::size_t size : {std::size_t{600}, std::size_t{20'000}}) {
    LibeventLoop loop;
    TcpPair pair;
    auto stream = std::make_unique<SocketStream>(loop, std::move(pair.ours), Urgency::goes_on);
    pair.send("stray");
    const std::string bytes(size, 'x');
    const std::string_view part = bytes;
    stream->announce_end();
    REQUIRE(stream->write({&part, 1}));
    stream->finish_writing();
    stream.reset();
    CHECK((pair.receive() == bytes));
  }
}

TEST_CASE("a stream that goes on sends no later than at the end of the turn") {
  LibeventLoop loop;
  TcpPair pair;
  SocketStream stream(loop, std::move(pair.ours), Urgency::goes_on);
  const std::string_view part = "hello";
  REQUIRE(stream.write({&part, 1}));
  loop.stop();
  loop.run();
  CHECK(pair.receive() == "hello");
  stream.announce_end();
  REQUIRE(stream.write({&part, 1}));
  stream.finish_writing();
  bool at_end = false;
  CHECK(pair.receive(&at_end) == "hello");
  CHECK(at_end);
}

}  // namespace
}  // namespace vsaproxy::net
