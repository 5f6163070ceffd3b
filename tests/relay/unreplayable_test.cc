// Requests that could not be replayed: they wait while a login is about to end the session, and the
// login waits for them. And replay.expect_continue, which makes large ones replayable.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

using Reports = std::vector<std::string>;

const std::string large(100'000, 'x');
const std::string large_post = request("POST /", "Content-Length: 100000", large);
const std::string large_head = request("POST /", "Content-Length: 100000");

const std::string asking = "replay: {expect_continue: true, max_body: 1KiB}";

}  // namespace

TEST_CASE("a hold is acknowledged at once when nothing unreplayable is under way") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.reports();
  bench.set_hold(7);
  CHECK(bench.reports() == Reports{"hold_reached 7"});
}

TEST_CASE("a hold is acknowledged when the last unreplayable request is answered") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr one = bench.connect();
  const PeerPtr two = bench.connect();
  for (const PeerPtr& client : {one, two}) client->send(large_post);
  bench.settle();
  bench.reports();
  bench.set_hold(7);
  CHECK(bench.reports().empty());
  bench.upstream(0).send(answer("200 OK", "done"));
  bench.settle();
  CHECK(bench.reports().empty());
  bench.upstream(1).send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe answer has begun");
  bench.settle();
  CHECK(bench.reports() == Reports{"hold_reached 7"});
}

TEST_CASE("a hold is acknowledged when an unreplayable request ends in any other way") {
  enum class End { client_gone, upstream_gone, refused, timeout };
  for (const End end : {End::client_gone, End::upstream_gone, End::refused, End::timeout}) {
    INFO(static_cast<int>(end));
    RelayBench bench(session_file());
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(large_post);
    bench.settle();
    bench.set_hold(7);
    bench.reports();
    if (end == End::client_gone) client->fail();
    if (end == End::upstream_gone) bench.upstream().end();
    if (end == End::refused) bench.upstream().send(answer("401 Unauthorized", "no"));
    bench.advance(end == End::timeout ? seconds(60) : seconds(0));
    const Reports told = bench.reports();
    CHECK(std::count(told.begin(), told.end(), "hold_reached 7") == 1);
  }
}

TEST_CASE("while a hold is set unreplayable requests wait, and all others go on") {
  RelayBench bench(session_file());
  bench.log_in("old");
  bench.set_hold(7);
  const PeerPtr waiting = bench.connect();
  waiting->send(large_post);
  bench.settle();
  CHECK(bench.upstreams() == 0);
  const PeerPtr passing = bench.connect();
  passing->send(request("GET /"));
  bench.settle();
  CHECK(bench.upstreams() == 1);
  CHECK(read_message(bench.upstream().received()).field("Authorization") == "Bearer old");
  bench.log_in("new");
  REQUIRE(bench.upstreams() == 2);
  const Message sent = read_message(bench.upstream(1).received());
  CHECK(sent.field("Authorization") == "Bearer new");
  CHECK((sent.body == large));
}

TEST_CASE("a waiting unreplayable request goes on with the old session if the login fails") {
  RelayBench bench(session_file());
  bench.log_in("old");
  bench.set_hold(7);
  const PeerPtr client = bench.connect();
  client->send(large_post);
  bench.settle();
  bench.block_logins(ErrorKind::login_unavailable, seconds(90));
  CHECK(read_message(bench.upstream().received()).field("Authorization") == "Bearer old");
}

TEST_CASE("a chunked body that turned out short no longer keeps a login waiting") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Transfer-Encoding: chunked", "5\r\nhello\r\n"));
  bench.advance(seconds(1));
  bench.reports();
  bench.set_hold(7);
  CHECK(bench.reports().empty());
  client->send("0\r\n\r\n");
  bench.settle();
  CHECK(bench.reports() == Reports{"hold_reached 7"});
}

TEST_CASE("expect_continue sends a large body after 100") {
  RelayBench bench(session_file(asking));
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(large_post);
  bench.settle();
  const std::string head = bench.upstream().take();
  CHECK(head.find("\r\nExpect: 100-continue\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  bench.upstream().send("HTTP/1.1 100 Continue\r\n\r\n");
  bench.settle();
  CHECK((bench.upstream().take() == large));
  bench.upstream().send(answer("200 OK", "done"));
  bench.settle();
  CHECK(read_message(client->received()).body == "done");
}

TEST_CASE("expect_continue waits for 100 at most one second") {
  for (const bool is_slow : {false, true}) {
    INFO((is_slow ? "the head leaves late" : "the head leaves at once"));
    RelayBench bench(session_file(asking));
    bench.dialer().set_mode(FakeDialer::Mode::hold);
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(large_post);
    bench.settle();
    bench.dialer().accept(is_slow ? 10 : MemoryPeer::unlimited);
    bench.advance(milliseconds(500));
    bench.upstream().set_window(MemoryPeer::unlimited);
    bench.advance(milliseconds(499));
    CHECK(bench.upstream().received().ends_with("\r\n\r\n"));
    bench.advance(milliseconds(is_slow ? 501 : 1));
    CHECK((read_message(bench.upstream().received()).body == large));
  }
}

TEST_CASE("expect_continue asks first only for bodies over max_body") {
  RelayBench bench(session_file(asking));
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 4", "body"));
  bench.settle();
  const Message sent = read_message(bench.upstream().received());
  CHECK(sent.body == "body");
  CHECK(sent.field("Expect") == "-");
}

TEST_CASE("a refusal before the body makes a large request replayable") {
  for (const bool client_asks : {false, true}) {
    INFO((client_asks ? "the client asks too" : "the client sends at once"));
    RelayBench bench(session_file(asking));
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(client_asks ? request("POST /", "Content-Length: 100000\r\nExpect: 100-continue")
                             : large_post);
    bench.settle();
    bench.upstream().take();
    bench.upstream().send(answer("401 Unauthorized", "no"));
    bench.settle();
    CHECK(client->received().empty());
    bench.log_in("new");
    MemoryPeer& again = bench.upstream(bench.upstreams() - 1);
    const std::string head = again.take();
    CHECK(head.find("Authorization: Bearer new\r\n") != std::string::npos);
    again.send("HTTP/1.1 100 Continue\r\n\r\n");
    bench.settle();
    if (client_asks) {
      CHECK(client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
      client->send(large);
      bench.settle();
    }
    CHECK((again.take() == large));
    again.send(answer("200 OK", "done"));
    bench.settle();
    CHECK(read_message(client->take()).body == "done");
  }
}

TEST_CASE("a final answer instead of 100 never leaves a body with a gap upstream") {
  RelayBench bench(session_file(asking));
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(large_head + large.substr(0, 1000));
  bench.advance(seconds(1));
  const std::size_t head = bench.upstream().received().size();
  bench.upstream().send("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno");
  bench.settle();
  client->send(large.substr(1000));
  bench.settle();
  bench.upstream().send("pe");
  bench.settle();
  CHECK(read_message(client->received()).body == "nope");
  const std::size_t sent = bench.upstream().received().size() - head;
  INFO("the upstream got " << sent << " bytes of the body");
  // Either all of it, or none and no further request.
  CHECK((sent == 0 || sent == large.size()));
  if (sent != large.size()) CHECK(bench.upstream().is_closed());
}

}  // namespace vsaproxy::relay
