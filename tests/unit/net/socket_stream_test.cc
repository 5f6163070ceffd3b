#include "proxy/net/socket_stream.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace vsaproxy::net
