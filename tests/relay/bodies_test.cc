// Bodies both ways: what one side sends in its framing, the other gets in one that it can read.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {

TEST_CASE("a request's body goes on as it came: with its length, or chunked with its trailers") {
  const std::string body = text_of(150'000);
  struct Case {
    std::string fields;
    std::string wire;
    std::string length, coding;
    std::size_t trailers;
  };
  const Case cases[] = {
      {"Content-Length: 150000", body, "150000", "-", 0},
      {"Transfer-Encoding: chunked", chunked(body, 1000, "X-Sum: 1\r\nAuthorization: no"), "-",
       "chunked", 1},
      {"Content-Length: 0", "", "0", "-", 0},
  };
  for (const std::size_t piece : {std::size_t{777}, MemoryPeer::unlimited}) {
    for (const Case& c : cases) {
      INFO(c.fields << " in pieces of " << piece);
      RelayBench bench(open_file());
      const PeerPtr client = bench.connect();
      client->set_piece(piece);
      client->send(request("POST /upload", c.fields, c.wire));
      bench.settle();
      const Message sent = read_message(bench.upstream().received());
      REQUIRE(sent.is_whole);
      CHECK((sent.body == (c.wire.empty() ? "" : body)));
      CHECK(sent.field("Content-Length") == c.length);
      CHECK(sent.field("Transfer-Encoding") == c.coding);
      REQUIRE(sent.trailers.size() == c.trailers);
      if (c.trailers > 0) CHECK(sent.trailers[0].first == "X-Sum");
      bench.upstream().send(answer("200 OK", ""));
      bench.settle();
      CHECK(read_message(client->received()).is_whole);
    }
  }
}

TEST_CASE("an answer's body reaches clients of both versions in a framing that they can read") {
  const std::string body = text_of(150'000);
  struct Case {
    std::string head;
    std::string wire;
    bool ends;  // with the connection
    std::string length_11, coding_11;
    std::string length_10;
    bool keeps_10;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n", body, false, "150000", "-", "150000",
       true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(body, 1000), false, "-",
       "chunked", "-", false},
      {"HTTP/1.1 200 OK\r\n\r\n", body, true, "-", "chunked", "-", false},
      {"HTTP/1.0 200 OK\r\n\r\n", body, true, "-", "chunked", "-", false},
  };
  for (const std::size_t piece : {std::size_t{777}, MemoryPeer::unlimited}) {
    for (const Case& c : cases) {
      for (const bool is_old : {false, true}) {
        INFO(c.head << (is_old ? "to HTTP/1.0" : "to HTTP/1.1") << " in pieces of " << piece);
        RelayBench bench(open_file());
        const PeerPtr client = bench.connect();
        client->send(is_old ? "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                            : request("GET /"));
        bench.settle();
        bench.upstream().set_piece(piece);
        bench.upstream().send(c.head + c.wire);
        if (c.ends) bench.upstream().end();
        bench.settle();
        const Message got = read_message(client->received());
        REQUIRE(got.is_whole);
        CHECK((got.body == body));
        CHECK(got.field("Content-Length") == (is_old ? c.length_10 : c.length_11));
        CHECK(got.field("Transfer-Encoding") == (is_old ? "-" : c.coding_11));
        CHECK(client->is_closed() == (is_old && !c.keeps_10));
        CHECK_FALSE(client->was_reset());
        CHECK(bench.upstream().is_closed() == c.ends);
      }
    }
  }
}

TEST_CASE("an answer's trailers are passed on but for those that could change its meaning") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunked("hello", 2, "X-Sum: 5\r\nContent-Length: 9\r\nSet-Cookie: a=b"));
  bench.settle();
  const Message got = read_message(client->received());
  REQUIRE(got.is_whole);
  CHECK(got.body == "hello");
  REQUIRE(got.trailers.size() == 1);
  CHECK(got.trailers[0] == std::pair<std::string, std::string>("X-Sum", "5"));
}

TEST_CASE("answers without a body end with their head, and the connections stay") {
  struct Case {
    std::string method;
    std::string answer;
    std::string length;  // as the client sees it
  };
  const Case cases[] = {
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", "12345"},
      {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "-"},
      {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", "-"},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "-"},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", "77"},
      {"DELETE", "HTTP/1.1 204 No Content\r\n\r\n", "-"},
  };
  for (const Case& c : cases) {
    INFO(c.method << " " << c.answer);
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request(c.method + " /"));
    bench.settle();
    bench.upstream().take();
    bench.upstream().send(c.answer);
    bench.settle();
    const Message got = read_message(client->take(), Bodies::none);
    REQUIRE(got.is_whole);
    CHECK(got.field("Content-Length") == c.length);
    client->send(request("GET /next"));
    bench.settle();
    CHECK(read_message(bench.upstream().take()).start == "GET /next HTTP/1.1");
    bench.upstream().send(answer("200 OK", "next"));
    bench.settle();
    CHECK(read_message(client->take()).body == "next");
  }
}

TEST_CASE("an answer of the proxy's own to HEAD has no body either") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send("HEAD / HTTP/1.1\r\nHost: elsewhere\r\n\r\n");
  bench.settle();
  const Message got = read_message(client->take(), Bodies::none);
  REQUIRE(got.is_whole);
  CHECK(got.start == "HTTP/1.1 403 Forbidden");
  CHECK(got.field("Content-Length") != "0");
  CHECK_FALSE(client->is_closed());
}

TEST_CASE("interim answers are dropped, however many come before the final one") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 102 Processing\r\n\r\n");
  bench.settle();
  CHECK(client->received().empty());
  bench.upstream().send(answer("200 OK", "final"));
  bench.settle();
  CHECK(read_message(client->received()).body == "final");
  CHECK_FALSE(bench.upstream().is_closed());
}

TEST_CASE("a client that asks first gets 100 at once, and its body is held back as any other") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 4\r\nExpect: 100-continue"));
  bench.settle();
  CHECK(client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(bench.upstreams() == 0);
  client->send("body");
  bench.settle();
  const Message sent = read_message(bench.upstream().received());
  CHECK(sent.body == "body");
  CHECK(sent.field("Expect") == "-");
  bench.upstream().send(answer("200 OK", "thanks"));
  bench.settle();
  CHECK(read_message(client->take()).body == "thanks");
  CHECK_FALSE(client->is_closed());
}

TEST_CASE("a client that asks first is not asked for a body that nobody wants") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(
      "POST / HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  bench.settle();
  const Message got = read_message(client->received());
  CHECK(got.start == "HTTP/1.1 403 Forbidden");
  CHECK(got.field("Connection") == "close");
}

TEST_CASE("an early final answer passes while the body is still coming") {
  // Short bodies, too, go on as they come.
  const std::string streaming_file = open_file("replay: {max_body: 1B}");
  SECTION("a short rest is read and dropped, and the connection stays") {
    RelayBench bench(streaming_file);
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Content-Length: 10", "begin"));
    bench.settle();
    bench.upstream().send(answer("403 Forbidden", "no"));
    bench.settle();
    const Message got = read_message(client->take());
    CHECK(got.body == "no");
    CHECK(got.field("Connection") == "-");
    client->send("finis" + request("GET /next"));
    bench.settle();
    REQUIRE(bench.upstreams() == 2);
    CHECK(bench.upstream(0).is_closed());
    CHECK(read_message(bench.upstream(1).received()).start == "GET /next HTTP/1.1");
    bench.upstream(1).send(answer("200 OK", "next"));
    bench.settle();
    CHECK(read_message(client->take()).body == "next");
  }
  SECTION("a long rest ends the connection, in order") {
    RelayBench bench(streaming_file);
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Content-Length: 1000000", "begin"));
    bench.settle();
    bench.upstream().send(answer("403 Forbidden", "no"));
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.body == "no");
    CHECK(got.field("Connection") == "close");
    client->send(std::string(100'000, 'x'));
    bench.advance(seconds(10));
    CHECK(client->is_closed());
    CHECK_FALSE(client->was_reset());
    CHECK(bench.upstream().is_closed());
  }
  SECTION("a long answer goes on after the body has ended") {
    RelayBench bench(streaming_file);
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Content-Length: 10", "begin"));
    bench.settle();
    bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    bench.settle();
    client->send("finis");
    bench.settle();
    CHECK(read_message(bench.upstream().received()).body == "beginfinis");
    bench.upstream().send("def");
    bench.settle();
    CHECK(read_message(client->received()).body == "abcdef");
    CHECK_FALSE(bench.upstream().is_closed());
    CHECK_FALSE(client->is_closed());
  }
}

TEST_CASE("limits.request_body holds for bodies of every framing") {
  const std::string file = open_file("", "limits: {request_body: 1KiB}");
  SECTION("an announced length is refused at once") {
    RelayBench bench(file);
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Content-Length: 1025"));
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.start.substr(9, 3) == "413");
    CHECK(got.field("X-Proxy-Error") == "body_too_large");
    CHECK(bench.upstreams() == 0);
  }
  SECTION("a chunked body is cut off when it gets there") {
    RelayBench bench(file);
    const PeerPtr client = bench.connect();
    client->send(
        request("POST /", "Transfer-Encoding: chunked", "400\r\n" + text_of(1024) + "\r\n"));
    bench.advance(seconds(1));
    CHECK(client->received().empty());
    client->send("1\r\nx");
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.start.substr(9, 3) == "413");
    CHECK(got.field("X-Proxy-Error") == "body_too_large");
    CHECK(got.field("Connection") == "close");
    CHECK(bench.upstream().is_closed());
    CHECK_FALSE(read_message(bench.upstream().received()).is_whole);
  }
  SECTION("just the limit is fine") {
    for (const std::string& sent :
         {request("POST /", "Content-Length: 1024", text_of(1024)),
          request("POST /", "Transfer-Encoding: chunked", chunked(text_of(1024), 100))}) {
      RelayBench bench(file);
      const PeerPtr client = bench.connect();
      client->send(sent);
      bench.settle();
      CHECK((read_message(bench.upstream().received()).body == text_of(1024)));
    }
  }
}

TEST_CASE("a body that breaks off or is malformed never looks whole to the upstream") {
  for (const std::string_view rest :
       {"5\r\nhel", "zz\r\n", "5\r\nhelloXX", "0\r\nbad trailer\r\n"}) {
    INFO(rest);
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Transfer-Encoding: chunked", "3\r\nabc\r\n"));
    bench.advance(seconds(1));
    client->send(rest);
    bench.settle();
    client->end();
    bench.settle();
    CHECK(bench.upstream().is_closed());
    CHECK_FALSE(read_message(bench.upstream().received()).is_whole);
    CHECK(client->is_closed());
  }
}

TEST_CASE("the trailers of a refusal stay out of the replay's answer") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunked("refused", 3, "X-Sum: refused"));
  bench.settle();
  bench.log_in("new");
  bench.upstream().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunked("done", 3, "X-Sum: done"));
  bench.settle();
  const std::string received = client->received();
  CHECK(received.find("X-Sum: done") != std::string::npos);
  CHECK(received.find("X-Sum: refused") == std::string::npos);
}

}  // namespace vsaproxy::relay
