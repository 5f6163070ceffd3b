// Short bodies are taken whole before they take a connection to the upstream: slow ones would keep
// all connections from the others.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {

TEST_CASE("a short body takes a connection only once it is whole") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 6", "begin"));
  bench.settle();
  bench.advance(seconds(59));
  CHECK(bench.upstreams() == 0);
  client->send("!");
  bench.settle();
  REQUIRE(bench.upstreams() == 1);
  const Message sent = read_message(bench.upstream().received());
  CHECK(sent.body == "begin!");
  CHECK(sent.field("Content-Length") == "6");
  bench.upstream().send(answer("200 OK", "done"));
  bench.settle();
  CHECK(read_message(client->received()).body == "done");
}

TEST_CASE("clients with slow bodies leave the connections to the others") {
  RelayBench bench(open_file("pool: {max_connections: 2}"));
  std::vector<PeerPtr> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(bench.connect());
    slow.back()->send(request("POST /", "Content-Length: 1000", "slow"));
    bench.settle();
  }
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  REQUIRE(bench.upstreams() == 1);
  bench.upstream().send(answer("200 OK", "at once"));
  bench.settle();
  CHECK(read_message(client->received()).body == "at once");
}

TEST_CASE("a longer body, and one that is not held for a replay, goes on as it comes") {
  struct Case {
    std::string replay;
    std::string framing;
    std::string body;
  };
  const Case cases[] = {
      {"", "Content-Length: 65537", "begin"},
      {"", "Transfer-Encoding: chunked", "5\r\nbegin\r\n"},
      {"replay: {max_body: 100B}", "Content-Length: 101", "begin"},
  };
  for (const Case& c : cases) {
    INFO(c.replay << c.framing);
    RelayBench bench(open_file(c.replay));
    const PeerPtr client = bench.connect();
    client->send(request("POST /", c.framing, c.body));
    bench.settle();
    REQUIRE(bench.upstreams() == 1);
    CHECK(bench.upstream().received().find("begin") != std::string::npos);
  }
}

TEST_CASE("a short body that stops coming is 408, and nobody upstream hears of it") {
  RelayBench bench(open_file("timeouts: {idle: 20s}"));
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 6", "begin"));
  bench.advance(seconds(20));
  const Message got = read_message(client->received());
  CHECK(got.start == "HTTP/1.1 408 Request Timeout");
  CHECK(got.field("X-Proxy-Error") == "request_timeout");
  CHECK(got.field("Connection") == "close");
  CHECK(bench.upstreams() == 0);
}

TEST_CASE("a client that leaves within a short body has sent nothing") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 6", "begin"));
  bench.settle();
  client->fail();
  bench.settle();
  CHECK(bench.upstreams() == 0);
  CHECK(client->is_closed());
}

}  // namespace vsaproxy::relay
