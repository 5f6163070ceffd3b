// Slow receivers, slow senders, and sides that vanish.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
// What one read may add on top of the high-water mark.
constexpr std::size_t most_kept = high_water + 2 * 64 * 1024;

}  // namespace

TEST_CASE("a client that reads slowly slows the upstream down, and loses nothing") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_window(0);
  const std::string body(4 * mebibyte, 'x');
  bench.upstream().send(answer("200 OK", body));
  bench.settle();
  CHECK(bench.upstream().unread() >= body.size() - most_kept);
  for (int i = 0; i < 64; ++i) {
    const std::size_t before = client->received().size();
    client->set_window(100'000);
    bench.settle();
    CHECK(client->received().size() - before == std::min(body.size(), std::size_t{100'000}));
    if (client->received().size() + 100'000 > body.size()) break;
  }
  client->set_window(MemoryPeer::unlimited);
  bench.settle();
  CHECK((read_message(client->received()).body == body));
  CHECK(bench.upstream().unread() == 0);
}

TEST_CASE("an upstream that takes slowly slows the client down, and loses nothing") {
  for (const bool is_chunked : {false, true}) {
    INFO((is_chunked ? "chunked" : "with length"));
    RelayBench bench(open_file());
    bench.dialer().set_mode(FakeDialer::Mode::hold);
    const PeerPtr client = bench.connect();
    const std::string body(4 * mebibyte, 'x');
    client->send(is_chunked
                     ? request("POST /", "Transfer-Encoding: chunked", chunked(body, 50'000))
                     : request("POST /", "Content-Length: " + std::to_string(body.size()), body));
    bench.settle();
    // Nobody to send it to yet: only a little is read ahead.
    CHECK(client->unread() >= body.size() - 4 * 64 * 1024);
    bench.dialer().accept(0);
    bench.settle();
    CHECK(client->unread() >= body.size() - 4 * 64 * 1024 - most_kept);
    for (int i = 0; i < 10; ++i) {
      const std::size_t before = bench.upstream().received().size();
      bench.upstream().set_window(200'000);
      bench.settle();
      CHECK(bench.upstream().received().size() - before == 200'000);
    }
    bench.upstream().set_window(MemoryPeer::unlimited);
    bench.settle();
    CHECK((read_message(bench.upstream().received()).body == body));
    bench.upstream().send(answer("200 OK", "done"));
    bench.settle();
    CHECK(read_message(client->received()).body == "done");
  }
}

TEST_CASE("a client that reads slowly is not cut off while it reads") {
  RelayBench bench(open_file("timeouts: {idle: 60s}"));
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_window(0);
  const std::string body(mebibyte, 'x');
  bench.upstream().send(answer("200 OK", body));
  bench.settle();
  for (int i = 0; i < 20; ++i) {
    client->set_window(1000);
    bench.advance(seconds(10));
  }
  CHECK_FALSE(client->is_closed());
  client->set_window(MemoryPeer::unlimited);
  bench.settle();
  CHECK((read_message(client->received()).body == body));
}

TEST_CASE("an upstream that takes a body slowly is not given up while it takes") {
  RelayBench bench(open_file("timeouts: {idle: 60s, response_header: 60s}"));
  bench.dialer().set_mode(FakeDialer::Mode::hold);
  const PeerPtr client = bench.connect();
  const std::string body(mebibyte, 'x');
  client->send(request("POST /", "Content-Length: 1048576", body));
  bench.settle();
  bench.dialer().accept(0);
  for (int i = 0; i < 20; ++i) {
    bench.upstream().set_window(1000);
    bench.advance(seconds(10));
  }
  CHECK(client->received().empty());
  bench.upstream().set_window(MemoryPeer::unlimited);
  bench.settle();
  CHECK((read_message(bench.upstream().received()).body == body));
}

TEST_CASE("the time for an answer's head begins with the request's last byte") {
  RelayBench bench(open_file("timeouts: {idle: 5s, response_header: 60s}"));
  bench.dialer().set_mode(FakeDialer::Mode::hold);
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 5", "hello"));
  bench.settle();
  bench.dialer().accept(10);
  bench.advance(seconds(3));
  bench.upstream().set_window(MemoryPeer::unlimited);
  bench.settle();
  REQUIRE(read_message(bench.upstream().received()).is_whole);
  bench.advance(seconds(57));
  CHECK(client->received().empty());
  bench.advance(seconds(3));
  CHECK(read_message(client->received()).field("X-Proxy-Error") == "upstream_timeout");
}

TEST_CASE("a client that is gone takes its work upstream with it") {
  enum class Moment { dialling, sending_body, awaiting_answer, relaying };
  for (const Moment moment :
       {Moment::dialling, Moment::sending_body, Moment::awaiting_answer, Moment::relaying}) {
    for (const bool in_order : {true, false}) {
      INFO("moment " << static_cast<int>(moment) << (in_order ? ", end" : ", reset"));
      RelayBench bench(open_file());
      if (moment == Moment::dialling) bench.dialer().set_mode(FakeDialer::Mode::hold);
      const PeerPtr client = bench.connect();
      client->send(moment == Moment::sending_body
                       ? request("POST /", "Content-Length: 100000", "begin")
                       : request("GET /"));
      bench.settle();
      if (moment == Moment::sending_body) bench.advance(seconds(1));
      if (moment == Moment::relaying) {
        bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
        bench.settle();
      }
      in_order ? client->end() : client->fail();
      bench.settle();
      CHECK(client->is_closed());
      CHECK(bench.clients() == 0);
      CHECK(bench.dialer().waiting() == 0);
      if (moment != Moment::dialling) CHECK(bench.upstream().is_closed());
      CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
      CHECK(bench.gauge("vsaproxy_connections", {"client", "active"}) == 0);
    }
  }
}

TEST_CASE("a client that breaks while its answer is kept for it is noticed") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_window(0);
  bench.upstream().send(answer("200 OK", std::string(mebibyte, 'x')));
  bench.settle();
  client->fail();
  bench.settle();
  CHECK(client->is_closed());
  CHECK(bench.upstream().is_closed());
}

TEST_CASE("an upstream that is gone within its answer leaves a cut message, in every framing") {
  struct Case {
    std::string answer;
    std::string version;
  };
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n";
  const std::string until_close = "HTTP/1.1 200 OK\r\n\r\nbegin";
  for (const std::string_view version : {"1.0", "1.1"}) {
    for (const std::string& sent : {length, chunks, until_close}) {
      for (const bool in_order : {true, false}) {
        // The end is the end of such a body: only a reset says otherwise.
        if (sent == until_close && in_order) continue;
        INFO(sent << " for " << version << (in_order ? ", end" : ", reset"));
        RelayBench bench(open_file());
        const PeerPtr client = bench.connect();
        client->send("GET / HTTP/" + std::string(version) + "\r\nHost: localhost\r\n\r\n");
        bench.settle();
        bench.upstream().send(sent);
        bench.settle();
        in_order ? bench.upstream().end() : bench.upstream().fail();
        bench.settle();
        CHECK(client->is_closed());
        CHECK(client->was_reset());
        CHECK(client->received().ends_with(version == "1.1" && sent != length ? "begin\r\n"
                                                                              : "begin"));
        CHECK(bench.upstream().is_closed());
      }
    }
  }
}

TEST_CASE("an answer that is cut takes no former answer with it") {
  RelayBench bench(open_file("", "limits: {client_idle_timeout: 10s}"));
  const PeerPtr client = bench.connect();
  client->send(request("GET /1") + request("GET /2") + request("GET /3"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "whole"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
  bench.settle();
  // A reset now would take this much of both with it.
  client->set_unconfirmed(300);
  bench.upstream().end();
  bench.settle();
  CHECK(read_messages(client->received()).front().body == "whole");

  SECTION("the reset comes once the client has got what there is") {
    bench.advance(seconds(9));
    client->set_unconfirmed(200);
    bench.advance(seconds(9));
    CHECK_FALSE(client->is_closed());
    client->set_unconfirmed(0);
    bench.advance(seconds(1));
    CHECK(client->is_closed());
    CHECK(client->was_reset());
  }
  SECTION("a client that takes nothing more of it is waited for as long as for an idle one") {
    bench.advance(milliseconds(9'900));
    CHECK_FALSE(client->is_closed());
    bench.advance(milliseconds(1'100));
    CHECK(client->is_closed());
    CHECK(client->was_reset());
  }
  SECTION("the request behind the cut one goes nowhere") {
    const std::size_t upstreams = bench.upstreams();
    client->set_unconfirmed(0);
    bench.advance(milliseconds(100));
    CHECK(bench.upstreams() == upstreams);
  }
}

TEST_CASE("an answer that becomes malformed within its body is cut") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\nXX\r\n");
  bench.settle();
  CHECK(client->was_reset());
  CHECK(client->is_closed());
  CHECK_FALSE(read_message(client->received()).is_whole);
}

TEST_CASE("an upstream that closes without an answer, or sends none that counts, is 502") {
  struct Case {
    std::string sent;
    std::string reason;
  };
  const Case cases[] = {
      {"", "upstream_closed"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "upstream_closed"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "upstream_closed"},
      {"nonsense\r\n\r\n", "upstream_protocol"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "upstream_protocol"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "upstream_protocol"},
      {"HTTP/1.1 200 OK\r\nA: " + std::string(40'000, 'a'), "upstream_protocol"},
  };
  for (const Case& c : cases) {
    INFO(c.sent.substr(0, 100));
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(c.sent);
    bench.upstream().end();
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.start == "HTTP/1.1 502 Bad Gateway");
    CHECK(got.field("X-Proxy-Error") == c.reason);
    CHECK(bench.upstream().is_closed());
    CHECK_FALSE(client->is_closed());
  }
}

TEST_CASE("an answer that came before the upstream stopped taking the body still arrives") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 1000000", std::string(70'000, 'x')));
  bench.settle();
  bench.upstream().set_window(0);
  client->send(std::string(50'000, 'x'));
  bench.settle();
  bench.upstream().send(answer("413 Content Too Large", "too much", "Connection: close"));
  bench.upstream().fail();
  bench.settle();
  const Message got = read_message(client->received());
  CHECK(got.start.substr(9, 3) == "413");
  CHECK(got.body == "too much");
  CHECK(got.field("X-Proxy-Error") == "-");
}

TEST_CASE("timers: no head, no body, no further byte") {
  RelayBench bench(open_file("timeouts: {response_header: 20s, idle: 30s}"));
  const PeerPtr client = bench.connect();
  SECTION("an upstream without an answer is 504") {
    client->send(request("GET /"));
    bench.advance(milliseconds(19'999));
    CHECK(client->received().empty());
    bench.advance(milliseconds(1));
    const Message got = read_message(client->received());
    CHECK(got.start == "HTTP/1.1 504 Gateway Timeout");
    CHECK(got.field("X-Proxy-Error") == "upstream_timeout");
    CHECK(bench.upstream().is_closed());
    CHECK_FALSE(client->is_closed());
  }
  SECTION("a client that stops within its body is 408") {
    client->send(request("POST /", "Content-Length: 100000", std::string(70'000, 'x')));
    bench.advance(seconds(30));
    const Message got = read_message(client->received());
    CHECK(got.start == "HTTP/1.1 408 Request Timeout");
    CHECK(got.field("Connection") == "close");
    CHECK(bench.upstream().is_closed());
  }
  SECTION("an upstream that stops within its answer leaves a cut message") {
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbe");
    bench.advance(seconds(29));
    bench.upstream().send("gin");
    bench.advance(milliseconds(29'999));
    CHECK_FALSE(client->is_closed());
    bench.advance(milliseconds(1));
    CHECK(client->is_closed());
    CHECK(client->was_reset());
  }
}

}  // namespace vsaproxy::relay
