// Requests to an upstream with limits: who waits, who is refused, and that every end of an exchange
// lets the next one go.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

const std::string one_at_a_time = "limits: {concurrency: 1}";
const std::string one_in_an_hour = "limits: {rate: 1/h, queue: 0}";
const std::string refusal = answer("401 Unauthorized", "no");

PeerPtr send(RelayBench& bench, std::string_view bytes, std::string address = "127.0.0.1:50000") {
  PeerPtr client = bench.connect(std::move(address));
  client->send(bytes);
  bench.settle();
  return client;
}

void serve(RelayBench& bench, std::size_t connection, std::string_view bytes) {
  bench.upstream(connection).take();
  bench.upstream(connection).send(bytes);
  bench.settle();
}

double waiting(RelayBench& bench) { return bench.gauge("vsaproxy_waiting_requests", {"vsa"}); }

std::string error_of(const PeerPtr& client) {
  return read_message(client->received()).field("X-Proxy-Error");
}

}  // namespace

TEST_CASE("a request over the concurrency waits until another one is answered") {
  RelayBench bench(open_file(one_at_a_time));
  const PeerPtr first = send(bench, request("GET /first"));
  const PeerPtr second = send(bench, request("POST /second", "Content-Length: 4", "body"));
  CHECK(bench.upstreams() == 1);
  CHECK(waiting(bench) == 1);
  serve(bench, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  CHECK(waiting(bench) == 1);
  bench.upstream().send("llo");
  bench.settle();
  CHECK(read_message(first->received()).body == "hello");
  // On the same connection, whole.
  CHECK(bench.upstreams() == 1);
  const Message sent = read_message(bench.upstream().take());
  CHECK(sent.start == "POST /second HTTP/1.1");
  CHECK(sent.body == "body");
  CHECK(waiting(bench) == 0);
  serve(bench, 0, answer("200 OK", "second"));
  CHECK(read_message(second->received()).body == "second");
}

TEST_CASE("clients take turns: an address with many requests doesn't hold up another one") {
  RelayBench bench(open_file(one_at_a_time));
  send(bench, request("GET /running"), "192.0.2.1:50000");
  for (int i = 0; i < 20; ++i) {
    send(bench, request(fmt::format("GET /greedy{}", i)), fmt::format("192.0.2.1:{}", 40000 + i));
  }
  send(bench, request("GET /modest"), "192.0.2.2:50000");
  std::string order;
  for (int i = 0; i < 3; ++i) {
    serve(bench, 0, answer("200 OK", ""));
    order += read_message(bench.upstream().take()).start + "\n";
  }
  CHECK(order == "GET /greedy0 HTTP/1.1\nGET /modest HTTP/1.1\nGET /greedy1 HTTP/1.1\n");
}

TEST_CASE("a request that finds the queue full gets 429 with Retry-After, and may come again") {
  RelayBench bench(open_file("limits: {concurrency: 1, rate: 6/m, queue: 1}"));
  send(bench, request("GET /"));
  send(bench, request("GET /"));
  const PeerPtr late = send(bench, request("GET /late"));
  const Message got = read_message(late->take());
  CHECK(got.start == "HTTP/1.1 429 Too Many Requests");
  CHECK(got.field("X-Proxy-Error") == "rate_limited");
  CHECK(got.field("Retry-After") == "10");
  CHECK(got.body.find("its queue is full") != std::string::npos);
  CHECK(bench.count("vsaproxy_refused_total", {"rate_limited"}) == 1);
  serve(bench, 0, answer("200 OK", ""));
  bench.advance(seconds(10));
  serve(bench, 0, answer("200 OK", ""));
  bench.advance(seconds(10));
  late->send(request("GET /late"));
  bench.settle();
  serve(bench, 0, answer("200 OK", "at last"));
  CHECK(read_message(late->take()).body == "at last");
}

TEST_CASE("a request waits for its turn as long as for an answer, then gets 503") {
  RelayBench bench(open_file("timeouts: {response_header: 7s, idle: 60s}\n" + one_at_a_time));
  send(bench, request("GET /"));
  serve(bench, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  const PeerPtr waiter = send(bench, request("GET /"));
  bench.advance(milliseconds(6'999));
  CHECK(waiter->received().empty());
  bench.advance(milliseconds(1));
  const Message got = read_message(waiter->received());
  CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
  CHECK(got.field("X-Proxy-Error") == "overloaded");
  CHECK(got.field("Retry-After") == "1");
  CHECK(waiting(bench) == 0);
}

TEST_CASE("a client that leaves while it waits is forgotten, and its request is never sent") {
  RelayBench bench(open_file(one_at_a_time));
  send(bench, request("GET /first"));
  send(bench, request("GET /gone"))->end();
  bench.settle();
  CHECK(waiting(bench) == 0);
  send(bench, request("GET /last"));
  serve(bench, 0, answer("200 OK", ""));
  CHECK(read_message(bench.upstream().take()).start == "GET /last HTTP/1.1");
}

TEST_CASE("however a request ends, the next one begins") {
  enum class End { client_gone, client_gone_in_answer, upstream_gone, broken_answer, timeout, cut };
  for (const End end : {End::client_gone, End::client_gone_in_answer, End::upstream_gone,
                        End::broken_answer, End::timeout, End::cut}) {
    INFO(static_cast<int>(end));
    RelayBench bench(open_file("timeouts: {response_header: 50s, idle: 40s}\n" + one_at_a_time));
    const PeerPtr first = send(bench, request("POST /", "Content-Length: 1", "x"));
    bench.advance(seconds(10));
    send(bench, request("GET /next"));
    const std::string begun = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
    switch (end) {
      case End::client_gone:
        first->fail();
        break;
      case End::client_gone_in_answer:
        serve(bench, 0, begun);
        first->fail();
        break;
      case End::upstream_gone:
        bench.upstream().fail();
        break;
      case End::broken_answer:
        bench.upstream().send("nonsense\r\n\r\n");
        break;
      case End::timeout:
        bench.advance(seconds(40));
        break;
      case End::cut:
        serve(bench, 0, begun);
        bench.upstream().end();
        break;
    }
    bench.settle();
    CHECK(waiting(bench) == 0);
    REQUIRE(bench.upstreams() == 2);
    CHECK(read_message(bench.upstream(1).received()).start == "GET /next HTTP/1.1");
  }
}

TEST_CASE("an upstream that can't be reached gives every waiting request its answer") {
  RelayBench bench(open_file(one_at_a_time));
  bench.dialer().set_mode(FakeDialer::Mode::hold);
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(send(bench, request("GET /")));
  for (const PeerPtr& client : clients) {
    REQUIRE(bench.dialer().waiting() == 1);
    bench.dialer().refuse({ErrorKind::upstream_connect, "nobody is there"});
    bench.settle();
    CHECK(error_of(client) == "upstream_connect");
  }
}

TEST_CASE("a request that is refused otherwise takes no turn") {
  RelayBench bench(open_file(one_in_an_hour, "routes: [{upstream: vsa, methods: read}]"));
  CHECK(read_message(bench.ask(request("POST /"))).field("X-Proxy-Error") == "route_denied");
  CHECK(read_message(bench.ask("GET / HTTP/1.1\r\n\r\n")).field("X-Proxy-Error") == "bad_request");
  send(bench, request("GET /"));
  CHECK(bench.upstreams() == 1);
}

TEST_CASE("a replay keeps the turn of its request, and takes no second one") {
  RelayBench bench(session_file("limits: {concurrency: 1, rate: 1/h, burst: 2}"));
  bench.log_in("old");
  const PeerPtr first = send(bench, request("GET /first"));
  const PeerPtr second = send(bench, request("GET /second"));
  CHECK(waiting(bench) == 1);
  serve(bench, 0, refusal);
  CHECK(bench.upstream().received().find("/second") == std::string::npos);
  bench.log_in("new");
  const Message replay = read_message(bench.upstream().take());
  CHECK(replay.start == "GET /first HTTP/1.1");
  CHECK(replay.field("Authorization") == "Bearer new");
  CHECK(waiting(bench) == 1);
  bench.upstream().send(answer("200 OK", "first"));
  bench.settle();
  CHECK(read_message(first->received()).body == "first");
  CHECK(read_message(bench.upstream().take()).start == "GET /second HTTP/1.1");
}

TEST_CASE("a retry on a new connection keeps the turn") {
  RelayBench bench(open_file("limits: {rate: 1/h, burst: 2, queue: 0}"));
  const PeerPtr client = send(bench, request("GET /"));
  serve(bench, 0, answer("200 OK", ""));
  client->take();
  client->send(request("GET /again"));
  bench.settle();
  bench.upstream().fail();
  bench.settle();
  REQUIRE(bench.upstreams() == 2);
  bench.upstream(1).send(answer("200 OK", "again"));
  bench.settle();
  CHECK(read_message(client->take()).body == "again");
}

TEST_CASE("the API's login calls that are answered here are not counted") {
  RelayBench bench(session_file(one_in_an_hour));
  bench.log_in("one");
  for (int i = 0; i < 3; ++i) {
    CHECK(read_message(bench.ask(request("GET /api/v1.0/auth"))).start == "HTTP/1.1 200 OK");
  }
  send(bench, request("GET /"));
  CHECK(bench.upstreams() == 1);
}

TEST_CASE("a request that waits for a login takes no turn before it is there") {
  RelayBench bench(session_file(one_in_an_hour));
  const PeerPtr gone = send(bench, request("GET /gone"));
  const PeerPtr client = send(bench, request("GET /"));
  gone->end();
  bench.settle();
  bench.log_in("one");
  CHECK(read_message(bench.upstream().take()).start == "GET / HTTP/1.1");
}

TEST_CASE("a request whose session ended while it waited goes with the newer one") {
  RelayBench bench(session_file(one_at_a_time));
  bench.log_in("old");
  send(bench, request("GET /first"));
  send(bench, request("GET /second"));
  bench.log_in("new");
  serve(bench, 0, answer("200 OK", ""));
  CHECK(read_message(bench.upstream().take()).field("Authorization") == "Bearer new");
}

TEST_CASE("a session may be renewed while a request that can't be replayed waits for its turn") {
  RelayBench bench(session_file("replay: {max_body: 1KiB}\n" + one_at_a_time));
  bench.log_in("old");
  send(bench, request("GET /first"));
  const std::string large(5'000, 'x');
  send(bench, request("POST /large", "Content-Length: 5000", large));
  CHECK(waiting(bench) == 1);
  bench.reports();
  bench.set_hold(7);
  CHECK(bench.reports() == std::vector<std::string>{"hold_reached 7"});
  // Its turn comes first, then it waits for the new session.
  serve(bench, 0, answer("200 OK", ""));
  CHECK(bench.upstream().received().find("/large") == std::string::npos);
  bench.log_in("new");
  const Message sent = read_message(bench.upstream().take());
  CHECK(sent.field("Authorization") == "Bearer new");
  CHECK(sent.body == large);
}

TEST_CASE("a reload with other limits counts what is under way, and lets waiting requests go on") {
  RelayBench bench(open_file(one_at_a_time));
  send(bench, request("GET /a"));
  send(bench, request("GET /b"));
  send(bench, request("GET /c"));
  CHECK(waiting(bench) == 2);
  bench.reload(open_file("limits: {concurrency: 2}"));
  bench.settle();
  CHECK(waiting(bench) == 1);
  CHECK(bench.upstreams() == 2);
  bench.reload(open_file(one_at_a_time));
  serve(bench, 0, answer("200 OK", ""));
  CHECK(waiting(bench) == 1);
  serve(bench, 1, answer("200 OK", ""));
  CHECK(waiting(bench) == 0);
  // Without limits, those that waited before keep their turns.
  send(bench, request("GET /d"));
  CHECK(waiting(bench) == 1);
  bench.reload(open_file());
  send(bench, request("GET /e"));
  CHECK(read_message(bench.upstream(0).take()).start == "GET /e HTTP/1.1");
  CHECK(waiting(bench) == 1);
  serve(bench, 1, answer("200 OK", ""));
  CHECK(waiting(bench) == 0);
}

TEST_CASE("a proxy that drains still gives waiting requests their turn") {
  RelayBench bench(open_file(one_at_a_time));
  send(bench, request("GET /first"));
  const PeerPtr second = send(bench, request("GET /second"));
  bench.drain();
  serve(bench, 0, answer("200 OK", ""));
  serve(bench, 0, answer("200 OK", "second"));
  const Message got = read_message(second->received());
  CHECK(got.body == "second");
  CHECK(got.field("Connection") == "close");
}

TEST_CASE("pipelined requests take one turn after the other") {
  RelayBench bench(open_file("limits: {rate: 1/s}"));
  const PeerPtr client = bench.connect();
  for (int i = 0; i < 3; ++i) client->send(request(fmt::format("GET /{}", i)));
  bench.settle();
  for (int i = 0; i < 3; ++i) {
    CHECK(read_message(bench.upstream().take()).start == fmt::format("GET /{} HTTP/1.1", i));
    serve(bench, 0, answer("200 OK", fmt::format("{}", i)));
    CHECK(bench.upstream().take().empty());
    CHECK(read_messages(client->received()).size() == static_cast<std::size_t>(i + 1));
    bench.advance(seconds(1));
  }
}

TEST_CASE("2,000 requests that end in all ways leave no turn taken") {
  RelayBench bench(open_file("limits: {concurrency: 3, rate: 1000/s, burst: 100, queue: 10}"));
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 2'000; ++i) {
    const PeerPtr client =
        send(bench, request(fmt::format("GET /{}", i)), fmt::format("192.0.2.{}:50000", i % 5));
    if (i % 7 == 3) client->fail();
    if (i % 11 == 5) client->end();
    for (std::size_t k = 0; k < bench.upstreams(); ++k) {
      MemoryPeer& upstream = bench.upstream(k);
      if (upstream.is_closed() || upstream.take().empty()) continue;
      if (i % 13 == 1) {
        upstream.fail();
      } else {
        upstream.send(answer("200 OK", "ok"));
      }
      bench.settle();
    }
    bench.advance(milliseconds(1));
  }
  bench.advance(seconds(1));
  for (std::size_t k = 0; k < bench.upstreams(); ++k) {
    if (!bench.upstream(k).is_closed()) bench.upstream(k).fail();
  }
  bench.advance(seconds(100));
  CHECK(waiting(bench) == 0);
  CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
  const std::size_t before = bench.upstreams();
  for (int i = 0; i < 4; ++i) send(bench, request("GET /"));
  CHECK(bench.upstreams() == before + 3);
  CHECK(waiting(bench) == 1);
}

}  // namespace vsaproxy::relay
