// Bodies are held back, whole or their beginning, before they take a turn at the upstream and a
// connection: slow ones would keep all of them from the others.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

const std::string in_chunks = "Transfer-Encoding: chunked";
const std::string refusal = answer("401 Unauthorized", "no");

PeerPtr send(RelayBench& bench, std::string_view bytes) {
  PeerPtr client = bench.connect();
  client->send(bytes);
  bench.settle();
  return client;
}

// Clients that send a byte each second.
std::vector<PeerPtr> dribble(RelayBench& bench, int count, const std::string& fields = in_chunks,
                             int times = 59) {
  const std::string_view byte = fields.starts_with(in_chunks) ? "1\r\nx\r\n" : "x";
  std::vector<PeerPtr> clients;
  for (int i = 0; i < count; ++i) clients.push_back(send(bench, request("POST /slow", fields)));
  for (int i = 0; i < times; ++i) {
    for (const PeerPtr& client : clients) client->send(byte);
    bench.advance(seconds(1));
  }
  return clients;
}

}  // namespace

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

TEST_CASE("a chunked body that ends soon is sent whole, with its length") {
  const std::string body = text_of(65536);
  for (const std::size_t piece : {std::size_t{777}, MemoryPeer::unlimited}) {
    for (const std::string_view trailers : {"", "X-Sum: 1"}) {
      INFO("pieces of " << piece << ", trailers: " << trailers);
      RelayBench bench(open_file());
      const PeerPtr client = bench.connect();
      client->set_piece(piece);
      const std::string bytes = chunked(body, 1000, trailers);
      client->send(request("POST /", in_chunks, bytes.substr(0, bytes.size() - 1)));
      bench.settle();
      CHECK(bench.upstreams() == 0);
      client->send(bytes.substr(bytes.size() - 1));
      bench.settle();
      REQUIRE(bench.upstreams() == 1);
      const Message sent = read_message(bench.upstream().received());
      REQUIRE(sent.is_whole);
      CHECK((sent.body == body));
      // Only chunks can be followed by trailers.
      CHECK(sent.field("Content-Length") == (trailers.empty() ? "65536" : "-"));
      CHECK(sent.field("Transfer-Encoding") == (trailers.empty() ? "-" : "chunked"));
      CHECK(sent.trailers.size() == (trailers.empty() ? 0 : 1));
      bench.upstream().send(answer("200 OK", "done"));
      bench.settle();
      CHECK(read_message(client->received()).body == "done");
      CHECK_FALSE(bench.upstream().is_closed());
    }
  }
}

TEST_CASE("a chunked body without content is sent as one of length 0") {
  RelayBench bench(open_file());
  const PeerPtr client = send(bench, request("POST /", in_chunks, "0\r\n\r\n"));
  const Message sent = read_message(bench.upstream().received());
  CHECK(sent.is_whole);
  CHECK(sent.field("Content-Length") == "0");
}

TEST_CASE("a chunked body that ended soon is replayed after a refusal") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = send(bench, request("POST /", in_chunks, "5\r\nbegin\r\n"));
  client->send("3\r\nend\r\n0\r\n\r\n");
  bench.settle();
  bench.upstream().take();
  bench.upstream().send(refusal);
  bench.settle();
  bench.log_in("new");
  const Message again = read_message(bench.upstream().take());
  CHECK(again.field("Authorization") == "Bearer new");
  CHECK(again.field("Content-Length") == "8");
  CHECK(again.body == "beginend");
  bench.upstream().send(answer("200 OK", "done"));
  bench.settle();
  CHECK(read_message(client->received()).body == "done");
}

TEST_CASE("a body that grows beyond what is held back goes on as it comes, in order") {
  const std::string body = text_of(200'000);
  for (const bool is_chunked : {true, false}) {
    for (const std::size_t piece : {std::size_t{777}, MemoryPeer::unlimited}) {
      INFO((is_chunked ? "chunked" : "with length") << " in pieces of " << piece);
      RelayBench bench(open_file());
      const PeerPtr client = bench.connect();
      client->set_piece(piece);
      const auto part = [&](std::size_t from, std::size_t to) {
        const std::string text = body.substr(from, to - from);
        const std::string chunks = chunked(text, 1000);
        return is_chunked ? chunks.substr(0, chunks.rfind("0\r\n\r\n")) : text;
      };
      client->send(request("POST /", is_chunked ? in_chunks : "Content-Length: 200000"));
      client->send(part(0, 65536));
      bench.settle();
      CHECK(bench.upstreams() == 0);
      client->send(part(65536, 100'000));
      bench.settle();
      REQUIRE(bench.upstreams() == 1);
      CHECK(bench.upstream().received().size() > 100'000);
      client->send(part(100'000, 200'000) + (is_chunked ? "0\r\n\r\n" : ""));
      bench.settle();
      const Message sent = read_message(bench.upstream().received());
      CHECK(sent.is_whole);
      CHECK((sent.body == body));
      CHECK(sent.field("Transfer-Encoding") == (is_chunked ? "chunked" : "-"));
      bench.upstream().send(answer("200 OK", "done"));
      bench.settle();
      CHECK(read_message(client->received()).body == "done");
      CHECK_FALSE(bench.upstream().is_closed());
    }
  }
}

TEST_CASE("no more is held back than could be replayed") {
  for (const std::string_view fields : {"Content-Length: 101", "Transfer-Encoding: chunked"}) {
    INFO(fields);
    RelayBench bench(open_file("replay: {max_body: 3B}"));
    const bool is_chunked = fields == in_chunks;
    const PeerPtr client =
        send(bench, request("POST /", fields, is_chunked ? "3\r\nbeg\r\n" : "beg"));
    CHECK(bench.upstreams() == 0);
    client->send(is_chunked ? "2\r\nin\r\n" : "in");
    bench.settle();
    REQUIRE(bench.upstreams() == 1);
    CHECK(bench.upstream().received().find("beg") != std::string::npos);
  }
}

TEST_CASE("slow bodies of every framing leave half of the connections to the others") {
  for (const std::string& fields :
       {in_chunks, std::string("Content-Length: 100000"), in_chunks + "\r\nExpect: 100-continue"}) {
    for (const std::size_t connections : {1, 2, 5}) {
      INFO(fields << ", connections: " << connections);
      RelayBench bench(open_file("pool: {max_connections: " + std::to_string(connections) + "}"));
      const auto slow = dribble(bench, 10, fields);
      CHECK(bench.upstreams() == connections / 2);
      std::vector<PeerPtr> others;
      for (std::size_t i = connections / 2; i < connections; ++i) {
        others.push_back(send(bench, request("GET /")));
        REQUIRE(bench.upstreams() == i + 1);
        CHECK(read_message(bench.upstream(i).received()).start == "GET / HTTP/1.1");
      }
    }
  }
}

TEST_CASE("slow bodies leave half of the turns at an upstream with limits to the others") {
  for (const std::size_t turns : {1, 2, 5}) {
    INFO("concurrency: " << turns);
    RelayBench bench(open_file("limits: {concurrency: " + std::to_string(turns) + "}"));
    const auto slow = dribble(bench, 10);
    CHECK(bench.upstreams() == turns / 2);
    CHECK(bench.gauge("vsaproxy_waiting_requests", {"vsa"}) == 0);
    const PeerPtr client = send(bench, request("GET /"));
    REQUIRE(bench.upstreams() == turns / 2 + 1);
    bench.upstream(turns / 2).send(answer("200 OK", "at once"));
    bench.settle();
    CHECK(read_message(client->received()).body == "at once");
  }
}

TEST_CASE("slow bodies that waited for a login together leave half of the connections") {
  RelayBench bench(session_file("pool: {max_connections: 4}"));
  const auto slow = dribble(bench, 10, in_chunks, 5);
  CHECK(bench.upstreams() == 0);
  bench.log_in("one");
  bench.advance(seconds(10));
  CHECK(bench.upstreams() == 2);
  slow[9]->send("4\r\nlast\r\n0\r\n\r\n");
  bench.settle();
  REQUIRE(bench.upstreams() == 3);
  CHECK(read_message(bench.upstream(2).received()).body == "xxxxxlast");
}

TEST_CASE("a client may send the rest once it has seen the answer's beginning") {
  RelayBench bench(open_file());
  const PeerPtr client = send(bench, request("POST /", in_chunks, "3\r\none\r\n"));
  bench.advance(milliseconds(999));
  CHECK(bench.upstreams() == 0);
  bench.advance(milliseconds(1));
  REQUIRE(bench.upstreams() == 1);
  CHECK(bench.upstream().received().ends_with("3\r\none\r\n"));
  bench.upstream().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n");
  bench.settle();
  CHECK(client->take().ends_with("3\r\nONE\r\n"));
  client->send("3\r\ntwo\r\n");
  bench.settle();
  CHECK(bench.upstream().received().ends_with("3\r\ntwo\r\n"));
  client->send("0\r\n\r\n");
  bench.settle();
  CHECK(read_message(bench.upstream().received()).body == "onetwo");
  bench.upstream().send("3\r\nTWO\r\n0\r\n\r\n");
  bench.settle();
  CHECK(client->take() == "3\r\nTWO\r\n0\r\n\r\n");
  CHECK_FALSE(bench.upstream().is_closed());
}

TEST_CASE("what is wrong with a body that is held back, nobody upstream hears of") {
  struct Case {
    std::string rest;
    std::string status;
    std::string reason;
  };
  const Case cases[] = {
      {"zz\r\n", "400", "bad_request"},
      {"5\r\nhelloXX", "400", "bad_request"},
      {"0\r\nbad trailer\r\n\r\n", "400", "bad_request"},
      {"7\r\ntoolong\r\n", "413", "body_too_large"},
  };
  for (const Case& c : cases) {
    INFO(c.rest);
    RelayBench bench(open_file("", "limits: {request_body: 8B}"));
    const PeerPtr client = send(bench, request("POST /", in_chunks, "3\r\nabc\r\n"));
    client->send(c.rest);
    bench.settle();
    const Message got = read_message(client->received());
    CHECK(got.start.substr(9, 3) == c.status);
    CHECK(got.field("X-Proxy-Error") == c.reason);
    CHECK(got.field("Connection") == "close");
    CHECK(bench.upstreams() == 0);
  }
}

TEST_CASE("a client that asks first keeps its body until the upstream that is asked wants it") {
  RelayBench bench(open_file("replay: {expect_continue: true}"));
  const PeerPtr client = send(bench, request("POST /", in_chunks + "\r\nExpect: 100-continue"));
  REQUIRE(bench.upstreams() == 1);
  CHECK(client->received().empty());
  bench.upstream().send("HTTP/1.1 100 Continue\r\n\r\n");
  bench.settle();
  CHECK(client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE(
    "a body that stops coming while it is held back is 408, and nobody upstream hears of it") {
  for (const std::string_view fields : {"Content-Length: 6", "Transfer-Encoding: chunked"}) {
    INFO(fields);
    RelayBench bench(open_file("timeouts: {idle: 20s}\npool: {max_connections: 1}"));
    const PeerPtr client =
        send(bench, request("POST /", fields, fields == in_chunks ? "5\r\nbegin\r\n" : "begin"));
    bench.advance(seconds(20));
    const Message got = read_message(client->received());
    CHECK(got.start == "HTTP/1.1 408 Request Timeout");
    CHECK(got.field("X-Proxy-Error") == "request_timeout");
    CHECK(got.field("Connection") == "close");
    CHECK(bench.upstreams() == 0);
  }
}

TEST_CASE("a client that leaves within a body that is held back has sent nothing") {
  for (const std::string_view fields : {"Content-Length: 6", "Transfer-Encoding: chunked"}) {
    for (const bool in_order : {true, false}) {
      INFO(fields << (in_order ? ", end" : ", reset"));
      RelayBench bench(open_file());
      const PeerPtr client =
          send(bench, request("POST /", fields, fields == in_chunks ? "5\r\nbegin\r\n" : "begin"));
      in_order ? client->end() : client->fail();
      bench.advance(seconds(5));
      CHECK(bench.upstreams() == 0);
      CHECK(client->is_closed());
    }
  }
}

TEST_CASE("slow bodies that an editor passes leave connections to the others") {
  RelayBench bench(
      "version: 1\nlisten: 127.0.0.1:3128\nadmin: off\nupstreams:\n  vsa:\n"
      "    url: http://127.0.0.1:9280\n    pool: {max_connections: 2}\n"
      "    auth: {type: kaseya-soap, username: demo, password: {file: p}}\n");
  bench.log_in("one");
  std::vector<PeerPtr> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(bench.connect());
    slow.back()->send(request("POST /other/upload", "Content-Length: 10", "slow"));
    bench.settle();
  }
  CHECK(bench.upstreams() == 0);
  const PeerPtr client = bench.connect();
  client->send(request("GET /x"));
  bench.settle();
  REQUIRE(bench.upstreams() == 1);
  CHECK(bench.upstream().take().starts_with("GET /x"));
  bench.upstream().send(answer("200 OK", "ok"));
  bench.settle();
  CHECK(read_message(client->received()).body == "ok");

  slow.front()->send("-ended");
  bench.settle();
  const std::string sent = bench.upstream().take();
  CHECK(sent.starts_with("POST /other/upload"));
  CHECK(sent.ends_with("slow-ended"));
}

}  // namespace vsaproxy::relay
