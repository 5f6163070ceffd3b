#include "proxy/relay/upstream_pool.h"

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

void serve(RelayBench& bench, std::size_t connection, std::string_view text = "ok") {
  bench.upstream(connection).take();
  bench.upstream(connection).send(answer("200 OK", text));
  bench.settle();
}

// A bench whose first upstream connection is idle after one request.
void warm_up(RelayBench& bench) {
  const PeerPtr client = bench.connect();
  client->send(request("GET /warm-up"));
  bench.settle();
  serve(bench, 0);
  client->end();
  bench.settle();
}

}  // namespace

TEST_CASE("a connection is used again by whoever comes next") {
  RelayBench bench(open_file());
  for (int i = 0; i < 5; ++i) {
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    CHECK(bench.upstreams() == 1);
    CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 1);
    serve(bench, 0);
    CHECK(read_message(client->received()).body == "ok");
    CHECK(bench.gauge("vsaproxy_connections", {"upstream", "idle"}) == 1);
    CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
  }
}

TEST_CASE("the connection that was used last is used first, so that others can age") {
  RelayBench bench(open_file());
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(bench.connect());
    clients.back()->send(request("GET /"));
    bench.settle();
  }
  for (const std::size_t i : {2, 0, 1}) serve(bench, i);
  clients[0]->send(request("GET /"));
  bench.settle();
  CHECK_FALSE(bench.upstream(1).take().empty());
}

TEST_CASE("an idle connection is closed after pool.idle_timeout") {
  RelayBench bench(open_file("pool: {idle_timeout: 40s}"));
  warm_up(bench);
  bench.advance(milliseconds(39'999));
  CHECK_FALSE(bench.upstream().is_closed());
  bench.advance(milliseconds(1));
  CHECK(bench.upstream().is_closed());
  CHECK(bench.gauge("vsaproxy_connections", {"upstream", "idle"}) == 0);
}

TEST_CASE("the time of an idle connection begins with its last use, and each one gets its own") {
  RelayBench bench(open_file("pool: {idle_timeout: 40s}"));
  warm_up(bench);
  for (std::size_t i = 0; i < 3; ++i) {
    INFO(i);
    // The first was used before, the others are new.
    bench.advance(milliseconds(10'000));
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    REQUIRE(bench.upstreams() == i + 1);
    serve(bench, i);
    bench.advance(milliseconds(39'999));
    CHECK_FALSE(bench.upstream(i).is_closed());
    bench.advance(milliseconds(1));
    CHECK(bench.upstream(i).is_closed());
  }
}

TEST_CASE("an idle connection that ends, breaks or speaks is closed, and no client sees it") {
  for (const std::string_view what : {"end", "reset", "bytes"}) {
    INFO(what);
    RelayBench bench(open_file());
    warm_up(bench);
    if (what == "end") bench.upstream().end();
    if (what == "reset") bench.upstream().fail();
    if (what == "bytes") bench.upstream().send(answer("200 OK", "not asked for"));
    bench.settle();
    CHECK(bench.upstream().is_closed());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    REQUIRE(bench.upstreams() == 2);
    serve(bench, 1, "right");
    CHECK(read_message(client->received()).body == "right");
  }
}

TEST_CASE("a connection is not used again after an answer that ends it or leaves doubt") {
  const std::string answers[] = {
      answer("200 OK", "ok", "Connection: close"),
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
      answer("200 OK", "ok") + "surplus",
      answer("200 OK", "ok") + answer("200 OK", "somebody else's"),
  };
  for (const std::string& sent : answers) {
    INFO(sent);
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(sent);
    bench.settle();
    CHECK(read_message(client->take()).body == "ok");
    CHECK(bench.upstream().is_closed());
    client->send(request("GET /"));
    bench.settle();
    REQUIRE(bench.upstreams() == 2);
    serve(bench, 1, "next");
    CHECK(read_message(client->take()).body == "next");
  }
}

TEST_CASE("at most pool.max_connections exist, and who waits is served in order") {
  RelayBench bench(open_file("pool: {max_connections: 2}"));
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(bench.connect());
    clients.back()->send(request("GET /" + std::to_string(i)));
    bench.settle();
  }
  CHECK(bench.upstreams() == 2);
  for (std::size_t i = 0; i < 6; ++i) {
    MemoryPeer& connection = bench.upstream(i % 2);
    CHECK(read_message(connection.take()).start == "GET /" + std::to_string(i) + " HTTP/1.1");
    connection.send(answer("200 OK", std::to_string(i)));
    bench.settle();
    CHECK(read_message(clients[i]->received()).body == std::to_string(i));
  }
  CHECK(bench.upstreams() == 2);
}

TEST_CASE("a connection that can't be used again makes room for a new one") {
  RelayBench bench(open_file("pool: {max_connections: 1}"));
  const PeerPtr first = bench.connect();
  const PeerPtr second = bench.connect();
  first->send(request("GET /1"));
  second->send(request("GET /2"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "ok", "Connection: close"));
  bench.settle();
  REQUIRE(bench.upstreams() == 2);
  serve(bench, 1, "two");
  CHECK(read_message(second->received()).body == "two");
}

TEST_CASE("a request that gets no connection in time is 503 overloaded") {
  RelayBench bench(open_file("pool: {max_connections: 1}\ntimeouts: {response_header: 20s}"));
  const PeerPtr first = bench.connect();
  first->send(request("GET /1"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nlong");
  const PeerPtr second = bench.connect();
  second->send(request("GET /2"));
  bench.advance(seconds(20));
  const Message got = read_message(second->received());
  CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
  CHECK(got.field("X-Proxy-Error") == "overloaded");
  CHECK(got.field("Retry-After") == "1");
  CHECK_FALSE(first->is_closed());
}

TEST_CASE("a client that leaves gives its place in the line to the next") {
  RelayBench bench(open_file("pool: {max_connections: 1}"));
  bench.dialer().set_mode(FakeDialer::Mode::hold);
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(bench.connect());
    clients.back()->send(request("GET /" + std::to_string(i)));
  }
  bench.settle();
  CHECK(bench.dialer().waiting() == 1);
  clients[1]->end();
  bench.settle();
  clients[0]->end();
  bench.settle();
  REQUIRE(bench.dialer().waiting() == 1);
  bench.dialer().accept();
  bench.settle();
  serve(bench, 0, "third");
  CHECK(read_message(clients[2]->received()).body == "third");
}

TEST_CASE("a failed dial is its request's answer and nobody else's") {
  struct Case {
    ErrorKind kind;
    std::string status;
    std::string reason;
  };
  const Case cases[] = {{ErrorKind::upstream_connect, "502 Bad Gateway", "upstream_connect"},
                        {ErrorKind::upstream_tls, "502 Bad Gateway", "upstream_tls"},
                        {ErrorKind::upstream_timeout, "504 Gateway Timeout", "upstream_timeout"}};
  for (const Case& c : cases) {
    RelayBench bench(open_file("pool: {max_connections: 1}"));
    bench.dialer().set_mode(FakeDialer::Mode::hold);
    const PeerPtr first = bench.connect();
    const PeerPtr second = bench.connect();
    first->send(request("GET /1"));
    second->send(request("GET /2"));
    bench.settle();
    bench.dialer().refuse({c.kind, "no"});
    bench.settle();
    const Message got = read_message(first->received());
    CHECK(got.start == "HTTP/1.1 " + c.status);
    CHECK(got.field("X-Proxy-Error") == c.reason);
    CHECK(second->received().empty());
    REQUIRE(bench.dialer().waiting() == 1);
    bench.dialer().accept();
    bench.settle();
    serve(bench, 0, "two");
    CHECK(read_message(second->received()).body == "two");
  }
}

namespace {

const base::Error no_descriptor{base::ErrorKind::overloaded, "no descriptor"};

// One request on its way upstream, and another one whose dial waits.
struct TwoRequests {
  TwoRequests() {
    first->send(request("GET /1"));
    bench.settle();
    bench.dialer().set_mode(FakeDialer::Mode::hold);
    second->send(request("GET /2"));
    bench.settle();
  }

  RelayBench bench{open_file()};
  const PeerPtr first = bench.connect();
  const PeerPtr second = bench.connect();
};

}  // namespace

TEST_CASE("without a descriptor for a new connection a request waits for one that is in use") {
  TwoRequests two;
  RelayBench& bench = two.bench;
  bench.dialer().refuse(no_descriptor);
  bench.settle();
  CHECK(two.second->received().empty());
  CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 1);
  serve(bench, 0, "one");
  CHECK(read_message(two.first->received()).body == "one");
  CHECK(read_message(bench.upstream(0).take()).start == "GET /2 HTTP/1.1");
  serve(bench, 0, "two");
  CHECK(read_message(two.second->received()).body == "two");
  CHECK(bench.dialer().waiting() == 0);
}

TEST_CASE("a connection that is given back while another one is dialled serves if the dial fails") {
  TwoRequests two;
  RelayBench& bench = two.bench;
  serve(bench, 0, "one");
  bench.dialer().refuse(no_descriptor);
  bench.settle();
  serve(bench, 0, "two");
  CHECK(read_message(two.second->received()).body == "two");
  CHECK(bench.gauge("vsaproxy_connections", {"upstream", "idle"}) == 1);
  CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
}

TEST_CASE("while descriptors are lacking a dial is tried ten times a second, whoever comes") {
  TwoRequests two;
  RelayBench& bench = two.bench;
  bench.dialer().refuse(no_descriptor);
  bench.settle();
  const PeerPtr third = bench.connect();
  third->send(request("GET /3"));
  bench.advance(milliseconds(99));
  CHECK(bench.dialer().waiting() == 0);
  bench.advance(milliseconds(1));
  REQUIRE(bench.dialer().waiting() == 2);
  bench.dialer().accept();
  bench.dialer().accept();
  bench.settle();
  serve(bench, 1, "two");
  serve(bench, 2, "three");
  CHECK(read_message(two.second->received()).body == "two");
  CHECK(read_message(third->received()).body == "three");
}

TEST_CASE("a connection that closes lets the next one be dialled at once") {
  TwoRequests two;
  RelayBench& bench = two.bench;
  bench.dialer().refuse(no_descriptor);
  bench.settle();
  bench.upstream(0).send(answer("200 OK", "one", "Connection: close"));
  bench.settle();
  REQUIRE(bench.dialer().waiting() == 1);
  // Another one took the descriptor, and there is nothing left to wait for.
  bench.dialer().refuse(no_descriptor);
  bench.settle();
  const Message got = read_message(two.second->received());
  CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
  CHECK(got.field("X-Proxy-Error") == "overloaded");
  CHECK(got.field("Retry-After") == "1");
}

TEST_CASE(
    "a reused connection that closes before any byte: idempotent methods are tried once more") {
  struct Case {
    std::string request;
    bool retries;
  };
  const Case cases[] = {
      {request("GET /"), true},
      {request("HEAD /"), true},
      {request("OPTIONS /"), true},
      {request("DELETE /"), true},
      {request("PUT /", "Content-Length: 5", "hello"), true},
      {request("POST /", "Content-Length: 5", "hello"), false},
      {request("PATCH /", "Content-Length: 5", "hello"), false},
      {request("PUT /", "Content-Length: 100000", std::string(100'000, 'x')), false},
  };
  for (const Case& c : cases) {
    for (const bool in_order : {true, false}) {
      INFO(c.request.substr(0, 100) << (in_order ? "end" : "reset"));
      RelayBench bench(open_file());
      warm_up(bench);
      const PeerPtr client = bench.connect();
      client->send(c.request);
      bench.settle();
      const std::string first = bench.upstream(0).take();
      in_order ? bench.upstream(0).end() : bench.upstream(0).fail();
      bench.settle();
      CHECK(bench.upstreams() == (c.retries ? 2 : 1));
      if (!c.retries) {
        CHECK(read_message(client->received()).field("X-Proxy-Error") == "upstream_closed");
        continue;
      }
      CHECK(bench.upstream(1).take() == first);
      // Only once.
      bench.upstream(1).end();
      bench.settle();
      CHECK(bench.upstreams() == 2);
      const auto bodies = c.request.starts_with("HEAD") ? Bodies::none : Bodies::as_framed;
      CHECK(read_message(client->received(), bodies).field("X-Proxy-Error") == "upstream_closed");
    }
  }
}

TEST_CASE("a retry takes a new connection though others are idle") {
  RelayBench bench(open_file());
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(bench.connect());
    clients.back()->send(request("GET /"));
    bench.settle();
  }
  for (std::size_t i = 0; i < 3; ++i) serve(bench, i);
  clients[0]->send(request("GET /again"));
  bench.settle();
  bench.upstream(2).end();
  bench.settle();
  REQUIRE(bench.upstreams() == 4);
  CHECK(read_message(bench.upstream(3).take()).start == "GET /again HTTP/1.1");
}

TEST_CASE("nothing is tried again once a byte of the answer has come, or on a new connection") {
  SECTION("a byte came") {
    RelayBench bench(open_file());
    warm_up(bench);
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream(0).send("H");
    bench.upstream(0).end();
    bench.settle();
    CHECK(bench.upstreams() == 1);
    CHECK(read_message(client->received()).field("X-Proxy-Error") == "upstream_closed");
  }
  SECTION("a new connection") {
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream(0).end();
    bench.settle();
    CHECK(bench.upstreams() == 1);
    CHECK(read_message(client->received()).field("X-Proxy-Error") == "upstream_closed");
  }
}

TEST_CASE("a retry is served though the pool is full and others wait") {
  RelayBench bench(open_file("pool: {max_connections: 1}"));
  warm_up(bench);
  const PeerPtr first = bench.connect();
  const PeerPtr second = bench.connect();
  first->send(request("GET /first"));
  second->send(request("GET /second"));
  bench.settle();
  bench.upstream(0).end();
  bench.settle();
  for (std::size_t i = 1; i <= 2 && i < bench.upstreams(); ++i) {
    for (int turn = 0; turn < 2; ++turn) {
      if (!bench.upstream(i).take().empty()) bench.upstream(i).send(answer("200 OK", "ok"));
      bench.settle();
    }
  }
  CHECK(read_message(second->received()).body == "ok");
  CHECK(read_message(first->received()).body == "ok");
}

TEST_CASE("a connection is dialled where connect says, as the name that url says") {
  RelayBench bench(open_file("connect: 127.0.0.2:9999"));
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  CHECK(bench.dialer().last_target().host == "127.0.0.2");
  CHECK(bench.dialer().last_target().port == 9999);
  CHECK(read_message(bench.upstream().received()).field("Host") == "127.0.0.1:9280");
}

}  // namespace vsaproxy::relay
