// What is written in a turn of the loop waits for its end: things that come to pass in the same
// turn.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {

TEST_CASE("a long answer's head goes before its body, though both come in one turn") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  const std::string body = text_of(1024 * 1024);
  bench.upstream().set_piece(1000);
  bench.upstream().send(answer("200 OK", body));
  bench.settle_in_one_turn();
  CHECK(bench.spliced().moved() > 0);
  CHECK((read_message(client->received()).body == body));
}

TEST_CASE("a client that is gone before an answer is out does not get a part as a whole") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_window(20);
  bench.upstream().send(answer("200 OK", "hello"));
  client->end();
  bench.settle_in_one_turn();
  CHECK(client->received().size() == 20);
  CHECK(client->is_closed());
  CHECK(client->was_reset());
}

TEST_CASE("an answer that breaks in the turn of its head is cut when the client has got that") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  client->set_unconfirmed(100);
  bench.upstream().send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  bench.upstream().end();
  bench.settle_in_one_turn();
  CHECK(client->received().ends_with("hello"));
  CHECK_FALSE(client->is_closed());
  client->set_unconfirmed(0);
  bench.advance(seconds(1));
  CHECK(client->is_closed());
  CHECK(client->was_reset());
}

TEST_CASE("a request to a connection that ends in the same turn is sent once more on a new one") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /first"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "first"));
  bench.settle();
  bench.upstream(0).take();
  client->take();
  client->send(request("GET /second"));
  bench.upstream(0).fail_unnoticed();
  bench.settle_in_one_turn();
  bench.upstream(0).end();
  bench.settle();
  REQUIRE(bench.upstreams() == 2);
  CHECK_THAT(bench.upstream(1).received(), Catch::Contains("GET /second"));
  bench.upstream(1).send(answer("200 OK", "second"));
  bench.settle();
  CHECK(read_message(client->take()).body == "second");
}

TEST_CASE(
    "a connection that did not take the rest of a request, though it answered, is used no more") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 71000", std::string(70'000, 'x')));
  bench.settle();
  client->send(std::string(1000, 'x'));
  bench.upstream(0).send(answer("200 OK", "early"));
  bench.upstream(0).fail_unnoticed();
  bench.settle_in_one_turn();
  CHECK(read_message(client->take()).body == "early");
  client->send(request("POST /", "Content-Length: 5", "again"));
  bench.settle();
  REQUIRE(bench.upstreams() == 2);
  CHECK_THAT(bench.upstream(1).received(), Catch::EndsWith("again"));
}

TEST_CASE("requests that come at once go out in one turn, each to its own connection") {
  RelayBench bench(open_file());
  const PeerPtr one = bench.connect("127.0.0.1:50001");
  const PeerPtr other = bench.connect("127.0.0.1:50002");
  one->send(request("GET /one"));
  other->send(request("GET /other"));
  bench.settle_in_one_turn();
  REQUIRE(bench.upstreams() == 2);
  CHECK_THAT(bench.upstream(0).received(), Catch::Contains("GET /one"));
  CHECK_THAT(bench.upstream(1).received(), Catch::Contains("GET /other"));
}

}  // namespace vsaproxy::relay
