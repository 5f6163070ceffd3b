#include <fcntl.h>

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "proxy/net/socket_stream.h"
#include "proxy/net/tls_context.h"
#include "tests/unit/net/tcp_pair.h"
#include "tests/unit/net/test_certificate.h"

namespace vsaproxy::net {
namespace {

// Who sends, and is done with the connection once that is out, or reads.
struct Side final : StreamHandler {
  void on_readable() override {
    std::array<char, 3000> bytes;
    const ReadResult result = stream->read(bytes);
    got.append(bytes.data(), result.bytes);
    if (result.status != IoStatus::end && result.status != IoStatus::failed) return;
    last = result.status;
    stream->set_reading(false);
  }
  void on_drained() override {
    if (std::exchange(closes, false)) loop->destroy_later(std::move(stream));
  }
  void on_failed(const base::Error&) override { ++failures; }

  LibeventLoop* loop = nullptr;
  std::unique_ptr<Stream> stream;
  std::string got;
  IoStatus last = IoStatus::would_block;
  bool closes = false;
  int failures = 0;
};

TEST_CASE("TLS ends in order, however full the connection is") {
  const std::string chain = test_server_certificate();
  const base::Secret key(test_server_key());
  const auto server_tls = ServerTls::make({chain, key, {}, settings::TlsVersion::tls_1_2});
  settings::UpstreamTls settings;
  settings.only_ca = true;
  ops::UpstreamFiles files;
  files.ca = chain;
  const auto client_tls = ClientTls::make(settings, files, test_host);
  REQUIRE(server_tls);
  REQUIRE(client_tls);
  for (std::size_t i = 0; i < 60; ++i) {
    LibeventLoop loop;
    TcpPair pair(4096);
    REQUIRE(fcntl(pair.peers.get(), F_SETFL, O_NONBLOCK) == 0);
    Side server, client;
    client.stream = std::make_unique<TlsStream>(loop, std::move(pair.peers), Urgency::goes_on,
                                                (*client_tls)->new_connection(), nullptr);
    server.stream = std::make_unique<TlsStream>(loop, std::move(pair.ours), Urgency::begins,
                                                (*server_tls)->new_connection().ssl, nullptr);
    client.stream->set_handler(&client);
    server.stream->set_handler(&server);
    server.loop = &loop;
    const std::string bytes(10'000 + i * 997, 'x');
    const std::string_view part = bytes;
    REQUIRE(server.stream->write({&part, 1}));
    server.stream->finish_writing();
    server.closes = true;
    for (int turns = 0; turns < 5000 && client.last == IoStatus::would_block; ++turns) {
      loop.stop();
      loop.run();
    }
    INFO(bytes.size() << " bytes");
    CHECK((client.got == bytes));
    CHECK(client.last == IoStatus::end);
    CHECK(client.failures + server.failures == 0);
  }
}

}  // namespace
}  // namespace vsaproxy::net
