#include "proxy/tokens/token_fetcher.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "proxy/net/socket_stream.h"
#include "tests/unit/net/tcp_pair.h"

namespace vsaproxy::tokens {
namespace {

// Gives out the one connection there is.
class OneDialer final : public net::Dialer {
 public:
  OneDialer(net::LibeventLoop& loop, std::unique_ptr<net::Stream> stream)
      : loop_(loop), stream_(std::move(stream)) {}
  std::unique_ptr<net::Dial> dial(const net::DialTarget&, net::DialCallback callback) override {
    callback_ = std::move(callback);
    loop_.post([this] { callback_(std::move(stream_)); });
    return std::make_unique<net::Dial>();
  }

 private:
  net::LibeventLoop& loop_;
  std::unique_ptr<net::Stream> stream_;
  net::DialCallback callback_;
};

TEST_CASE("what a login server says before it hangs up is heard, though it takes no request") {
  net::LibeventLoop loop;
  net::TcpPair pair;
  auto stream =
      std::make_unique<net::SocketStream>(loop, std::move(pair.ours), net::Urgency::goes_on);
  pair.send("HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n");
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  REQUIRE(setsockopt(pair.peers.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
  pair.peers = net::FileDescriptor();
  OneDialer dialer(loop, std::move(stream));
  TokenFetcher fetcher(loop, dialer, {}, nullptr, "vsaproxy/test");
  auth::LoginRequest request;
  request.method = "POST";
  request.target = "/";
  std::string outcome = "none";
  const auto exchange =
      fetcher.send(request, std::chrono::seconds(10), [&](base::Result<LoginAnswer> answer) {
        outcome = answer ? std::to_string(answer->status) : answer.error().detail;
      });
  for (int turns = 0; turns < 10; ++turns) {
    loop.stop();
    loop.run();
  }
  CHECK(outcome == "503");
}

}  // namespace
}  // namespace vsaproxy::tokens
