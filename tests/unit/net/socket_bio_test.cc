#include "proxy/net/socket_bio.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/net/tcp_pair.h"

namespace vsaproxy::net {
namespace {

TEST_CASE("bytes go both ways through a socket's BIO") {
  TcpPair pair;
  const BioHandle bio = socket_bio(pair.ours.get());
  CHECK(BIO_write(bio.get(), "hello", 5) == 5);
  CHECK(BIO_flush(bio.get()) == 1);
  CHECK(pair.receive() == "hello");
  pair.send("answer");
  std::array<char, 16> bytes{};
  CHECK(BIO_read(bio.get(), bytes.data(), bytes.size()) == 6);
  CHECK(std::string(bytes.data()) == "answer");
}

TEST_CASE("a BIO that has nothing to read says so, and knows that from an end") {
  TcpPair pair;
  const BioHandle bio = socket_bio(pair.ours.get());
  std::array<char, 16> bytes{};
  CHECK(BIO_read(bio.get(), bytes.data(), bytes.size()) == -1);
  CHECK(BIO_should_read(bio.get()) != 0);
  CHECK(BIO_eof(bio.get()) == 0);
  pair.peers = FileDescriptor();
  CHECK(BIO_read(bio.get(), bytes.data(), bytes.size()) == 0);
  CHECK(BIO_should_retry(bio.get()) == 0);
  CHECK(BIO_eof(bio.get()) == 1);
}

TEST_CASE("a BIO that can't write more says so") {
  TcpPair pair(4096);
  const BioHandle bio = socket_bio(pair.ours.get());
  const std::string part(4096, 'x');
  int result = 1;
  for (int i = 0; i < 1000 && result > 0; ++i) {
    result = BIO_write(bio.get(), part.data(), static_cast<int>(part.size()));
  }
  CHECK(result == -1);
  CHECK(BIO_should_write(bio.get()) != 0);
}

TEST_CASE("writing to a peer that is gone fails without a signal") {
  TcpPair pair;
  const BioHandle bio = socket_bio(pair.ours.get());
  REQUIRE(shutdown(pair.ours.get(), SHUT_WR) == 0);  // a write raises SIGPIPE from now on
  CHECK(BIO_write(bio.get(), "x", 1) == -1);
  CHECK(BIO_should_retry(bio.get()) == 0);
}

}  // namespace
}  // namespace vsaproxy::net
