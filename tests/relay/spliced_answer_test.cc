// Long answers that nobody has to look at go from socket to socket, their beginning and end apart.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

TEST_CASE("a long answer is spliced, but for its beginning and its end") {
  for (const std::size_t piece : {std::size_t{5000}, MemoryPeer::unlimited}) {
    RelayBench bench(session_file());
    bench.log_in("t1");
    const PeerPtr client = bench.connect();
    const std::string body = text_of(mebibyte);
    for (int i = 1; i <= 2; ++i) {
      client->take();
      client->send(request("GET /"));
      bench.settle();
      bench.upstream().set_piece(piece);
      bench.upstream().send(answer("200 OK", body));
      bench.settle();
      CHECK((read_message(client->take()).body == body));
    }
    CHECK(bench.upstreams() == 1);
    CHECK(bench.spliced().moved() > mebibyte);
    CHECK(bench.spliced().moved() < 2 * mebibyte - 2 * 16 * 1024);
    CHECK(bench.count("vsaproxy_bytes_total", {"out"}) >= 2 * mebibyte);
  }
}

TEST_CASE("what an upstream sends behind a long answer ends its connection, not the next answer") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  const std::string body = text_of(mebibyte);
  client->send(request("GET /") + request("GET /second"));
  bench.settle();
  bench.upstream().send(answer("200 OK", body) + answer("200 OK", "smuggled"));
  bench.settle();
  CHECK(bench.spliced().moved() > mebibyte / 2);
  CHECK((client->take().ends_with(body)));
  REQUIRE(bench.upstreams() == 2);
  CHECK(bench.upstream(0).is_closed());
  bench.upstream(1).send(answer("200 OK", "second"));
  bench.settle();
  CHECK(read_message(client->take()).body == "second");
}

TEST_CASE("a long answer that is cut upstream is cut for the client") {
  for (const bool in_order : {true, false}) {
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    const std::string whole = answer("200 OK", text_of(mebibyte));
    bench.upstream().send(whole.substr(0, whole.size() - mebibyte / 4));
    bench.settle();
    in_order ? bench.upstream().end() : bench.upstream().fail();
    bench.settle();
    CHECK(bench.spliced().moved() > mebibyte / 4);
    CHECK(client->was_reset());
    CHECK(bench.upstream().is_closed());
  }
}

TEST_CASE("a client that is gone ends a long answer") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  const std::string whole = answer("200 OK", text_of(4 * mebibyte));
  bench.upstream().send(whole.substr(0, mebibyte));
  bench.settle();
  client->fail_unnoticed();
  bench.upstream().send(whole.substr(mebibyte));
  bench.settle();
  CHECK(bench.spliced().moved() > mebibyte);
  CHECK(client->is_closed());
  CHECK(bench.upstream().is_closed());
  CHECK(bench.clients() == 0);
}

TEST_CASE("a client that lags is waited for in the middle of a long answer") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_window(mebibyte);
  const std::string body = text_of(8 * mebibyte);
  bench.upstream().send(answer("200 OK", body));
  bench.settle();
  CHECK(client->received().size() == mebibyte);
  CHECK(bench.upstream().unread() >= 7 * mebibyte - high_water - MemorySplicer::most_at_once);
  client->set_window(MemoryPeer::unlimited);
  bench.settle();
  CHECK((read_message(client->received()).body == body));
}

TEST_CASE("an answer that is framed anew is not spliced") {
  const std::string body = text_of(mebibyte);
  for (const std::string& sent :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, mebibyte),
        "HTTP/1.1 200 OK\r\n\r\n" + body}) {
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().send(sent);
    bench.upstream().end();
    bench.settle();
    CHECK((read_message(client->received()).body == body));
    CHECK(bench.spliced().moved() == 0);
  }
}

TEST_CASE("an answer is spliced while 64 KiB of it are left") {
  const std::size_t piece = 1000;
  const std::size_t head = answer("200 OK", text_of(70'000)).size() - 70'000;
  for (const std::size_t left : {std::size_t{64 * 1024 - 1}, std::size_t{64 * 1024}}) {
    RelayBench bench(open_file());
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().set_piece(piece);
    const std::string body = text_of(left + piece - head);
    bench.upstream().send(answer("200 OK", body));
    bench.settle();
    CHECK((read_message(client->received()).body == body));
    CHECK((bench.spliced().moved() > 0) == (left == 64 * 1024));
  }
}

}  // namespace vsaproxy::relay
