#include "proxy/relay/client_connection.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"
#include "tests/unit/ops/temporary_folder.h"

namespace vsaproxy::relay {

TEST_CASE("pipelined requests go upstream one after the other and are answered in their order") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /1") + request("POST /2", "Content-Length: 3", "abc") +
               request("GET /3"));
  bench.settle();
  for (const std::string_view path : {"GET /1", "POST /2", "GET /3"}) {
    INFO(path);
    const Message sent = read_message(bench.upstream().take());
    CHECK(sent.start == std::string(path) + " HTTP/1.1");
    bench.upstream().send(answer("200 OK", path));
    bench.settle();
  }
  const auto answers = read_messages(client->received());
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].body == "GET /1");
  CHECK(answers[1].body == "POST /2");
  CHECK(answers[2].body == "GET /3");
  CHECK(bench.upstreams() == 1);
  CHECK_FALSE(client->is_closed());
}

TEST_CASE("a refused request in a pipeline disturbs neither the one before nor the one behind") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /1") + request("TRACE /2") + request("GET /3"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "one"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "three"));
  bench.settle();
  const auto answers = read_messages(client->received());
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].body == "one");
  CHECK(answers[1].field("X-Proxy-Error") == "method_refused");
  CHECK(answers[2].body == "three");
}

TEST_CASE("a client that pipelines and never reads is not served on and on") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->set_window(0);
  constexpr int rounds = 100;
  const std::string body(32 * 1024, 'x');
  std::size_t answered = 0;
  for (int i = 0; i < rounds; ++i) {
    client->send(request("GET /" + std::to_string(i)));
    bench.settle();
    if (bench.upstreams() == 0 || bench.upstream().take().empty()) continue;
    bench.upstream().send(answer("200 OK", body));
    bench.settle();
    ++answered;
  }
  // What is kept for it stays near the high-water mark.
  CHECK(answered * body.size() <= 4 * high_water);
  client->set_window(MemoryPeer::unlimited);
  for (int i = 0; i < rounds; ++i) {
    bench.settle();
    if (!bench.upstream().take().empty()) bench.upstream().send(answer("200 OK", body));
  }
  bench.settle();
  CHECK(read_messages(client->received()).size() == rounds);
}

TEST_CASE("who keeps the connection: the version and the Connection field decide") {
  struct Case {
    std::string request;
    bool stays;
    std::string option;  // what the answer says
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", true, "-"},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "close"},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: x, Close\r\n\r\n", false, "close"},
      {"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", false, "close"},
      {"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", true, "keep-alive"},
      {"GET http://127.0.0.1:9280/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "close"},
      {"GET http://127.0.0.1:9280/ HTTP/1.1\r\nHost: 127.0.0.1:9280\r\n\r\n", true, "-"},
  };
  for (const Case& c : cases) {
    INFO(c.request);
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(c.request);
    bench.settle();
    bench.upstream().send(answer("200 OK", "hello"));
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.body == "hello");
    CHECK(got.field("Connection") == c.option);
    CHECK(client->is_closed() != c.stays);
    CHECK_FALSE(client->was_reset());
  }
}

TEST_CASE("a head that trickles in gets 408 when its time is over, however often a byte comes") {
  RelayBench bench(open_file("", "limits: {client_header_timeout: 10s}"));
  const PeerPtr client = bench.connect();
  for (int i = 0; i < 9; ++i) {
    client->send(i == 0 ? "G" : "E");
    bench.advance(seconds(1));
  }
  CHECK(client->received().empty());
  bench.advance(seconds(2));
  const Message got = read_message(client->received());
  CHECK(got.start == "HTTP/1.1 408 Request Timeout");
  CHECK(got.field("X-Proxy-Error") == "request_timeout");
  CHECK(got.field("Connection") == "close");
  client->end();
  bench.settle();
  CHECK(client->is_closed());
}

TEST_CASE("a connection without a request closes silently") {
  RelayBench bench(open_file("", "limits: {client_header_timeout: 10s, client_idle_timeout: 60s}"));
  SECTION("before the first one, after client_header_timeout") {
    const PeerPtr client = bench.connect();
    bench.advance(milliseconds(9999));
    CHECK_FALSE(client->is_closed());
    bench.advance(milliseconds(1));
    CHECK(client->is_closed());
    CHECK(client->received().empty());
  }
  SECTION("after an answer, after client_idle_timeout") {
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(answer("200 OK", "hello"));
    bench.settle();
    const std::string before = client->received();
    bench.advance(milliseconds(59'999));
    CHECK_FALSE(client->is_closed());
    bench.advance(milliseconds(1));
    CHECK(client->is_closed());
    CHECK(client->received() == before);
  }
  CHECK(bench.clients() == 0);
  CHECK(bench.gauge("vsaproxy_connections", {"client", "idle"}) == 0);
}

TEST_CASE("what came in time is served, though its turn to be read comes after the deadline") {
  RelayBench bench(open_file("", "limits: {client_header_timeout: 10s, client_idle_timeout: 20s}"));
  const PeerPtr client = bench.connect();
  SECTION("a whole head on a new connection") {
    client->send_behind_others(request("GET /"));
    bench.advance(seconds(10));
  }
  SECTION("the rest of a head") {
    const std::string whole = request("GET /");
    client->send(whole.substr(0, 9));
    bench.settle();
    client->send_behind_others(whole.substr(9));
    bench.advance(seconds(10));
  }
  SECTION("the next request on a connection that was idle") {
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(answer("200 OK", "before"));
    bench.settle();
    client->take();
    client->send_behind_others(request("GET /"));
    bench.advance(seconds(20));
  }
  bench.upstream().send(answer("200 OK", "hello"));
  bench.settle();
  CHECK(read_message(client->take()).body == "hello");
  CHECK_FALSE(client->is_closed());
}

TEST_CASE("an idle connection that gave its memory back still serves") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  for (int i = 0; i < 3; ++i) {
    bench.advance(seconds(5));
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(answer("200 OK", "hello"));
    bench.settle();
    CHECK(read_message(client->take()).body == "hello");
  }
}

TEST_CASE("an oversize head is refused and the connection closed") {
  RelayBench bench(open_file("", "limits: {header_bytes: 1KiB, header_count: 10}"));
  struct Case {
    std::string request;
    std::string status;
    std::string reason;
  };
  std::string many;
  for (int i = 0; i < 11; ++i) many += "A: b\r\n";
  const Case cases[] = {
      {request("GET /" + std::string(1024, 'a')), "431", "headers_too_large"},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(2000, 'a'), "431",
       "headers_too_large"},
      {"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + "\r\n", "431", "headers_too_large"},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n", "400", "bad_request"},
      {request("POST /", "Content-Length: 1\r\nTransfer-Encoding: chunked", "x"), "400",
       "ambiguous_framing"},
  };
  for (const Case& c : cases) {
    INFO(c.request);
    const PeerPtr client = bench.connect();
    client->send(c.request);
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.start.substr(9, 3) == c.status);
    CHECK(got.field("X-Proxy-Error") == c.reason);
    CHECK(got.field("Connection") == "close");
    client->end();
    bench.settle();
    CHECK(client->is_closed());
    CHECK_FALSE(client->was_reset());
  }
  CHECK(bench.upstreams() == 0);
}

TEST_CASE("the end of a connection is announced before its last bytes, and comes at once") {
  struct Case {
    std::string request;
    std::string answer;
    bool closes;
  };
  const std::string close = "Connection: close";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             chunked(std::string(200'000, 'x'), 70'000);
  const Case cases[] = {
      {request("GET /"), answer("200 OK", "hello"), false},
      {request("GET /", close), answer("200 OK", "hello"), true},
      {request("GET /", close), answer("200 OK", std::string(200'000, 'x')), true},
      {request("GET /", close), chunks, true},
      // What the client still sends is read for a while.
      {request("POST /", "Content-Length: 70000", "begin"), answer("413 Too long", "no"), true},
      {request("GET /", "Host: twice"), "", true},
  };
  for (const Case& c : cases) {
    for (const std::size_t window : {std::size_t{70'000}, MemoryPeer::unlimited}) {
      INFO(c.request << " and " << c.answer.substr(0, 100));
      RelayBench bench(open_file());
      const PeerPtr client = bench.connect();
      client->set_window(window);
      client->send(c.request);
      bench.advance(seconds(1));  // a body's beginning is held back
      if (bench.upstreams() > 0) bench.upstream().send(c.answer);
      bench.settle();
      client->set_window(MemoryPeer::unlimited);
      bench.settle();
      CHECK(read_message(client->received()).is_whole);
      CHECK(client->was_ended() == c.closes);
      CHECK(client->was_announced() == c.closes);
    }
  }
}

TEST_CASE("bytes behind an answer that closes are read for a while, then the connection ends") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send("nonsense\r\n\r\n");
  bench.settle();
  CHECK(read_message(client->received()).start == "HTTP/1.1 400 Bad Request");
  client->send("more nonsense");
  bench.settle();
  CHECK(client->unread() == 0);
  bench.advance(seconds(5));
  CHECK(client->is_closed());
}

TEST_CASE("what a client sends behind a refusal is read, however much of it comes at once") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  constexpr std::size_t size = 1024 * 1024;
  client->send(
      fmt::format("POST /x HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: {}\r\n\r\n", size) +
      std::string(size, 'x'));
  bench.settle();
  CHECK(read_message(client->received()).field("X-Proxy-Error") == "host_not_allowed");
  CHECK(client->unread() == 0);
  client->end();
  bench.settle();
  CHECK(client->is_closed());
  CHECK_FALSE(client->was_reset());
}

TEST_CASE("draining closes idle connections and lets answers under way finish") {
  RelayBench bench(open_file());
  const PeerPtr idle = bench.connect();
  const PeerPtr busy = bench.connect();
  const PeerPtr arrived = bench.connect();
  busy->send(request("GET /busy"));
  bench.settle();
  arrived->send(request("GET /arrived"));
  bench.drain();
  CHECK(idle->is_closed());
  CHECK_FALSE(busy->is_closed());
  REQUIRE(bench.upstreams() == 2);
  for (std::size_t i = 0; i < 2; ++i) bench.upstream(i).send(answer("200 OK", "done"));
  bench.settle();
  for (const PeerPtr& client : {busy, arrived}) {
    const Message got = read_message(client->received());
    CHECK(got.body == "done");
    CHECK(got.field("Connection") == "close");
    CHECK(client->is_closed());
    CHECK_FALSE(client->was_reset());
  }
  CHECK(bench.clients() == 0);
}

TEST_CASE("the access line has what happened and nothing of the credential") {
  const ops::TemporaryFolder folder;
  const std::string file = folder / "access.log";
  {
    RelayBench bench(make_config(session_file()), file);
    bench.log_in("do-not-log-me");
    const PeerPtr client = bench.connect();
    client->send(request("POST /api/v1.0/x?secret=yes", "Content-Length: 4", "body"));
    bench.settle();
    bench.advance(milliseconds(30));
    bench.upstream().send(answer("201 Created", "hello"));
    bench.settle();
    client->send(request("GET /gone"));
    bench.settle();
    client->fail();
    bench.settle();
    bench.close_log();
  }
  const std::string lines = ops::read_text(file);
  INFO(lines);
  CHECK(lines.find("do-not-log-me") == std::string::npos);
  CHECK(lines.find("secret") == std::string::npos);
  for (const std::string_view part :
       {"method=POST", "path=/api/v1.0/x ", "status=201", "bytes_in=4", "bytes_out=5",
        "session=print1", "ms_upstream=30", "upstream=vsa", "reused=true", "error=client_gone",
        "status=0", "client=127.0.0.1:50000", "listener="}) {
    INFO(part);
    CHECK(lines.find(part) != std::string::npos);
  }
}

}  // namespace vsaproxy::relay
