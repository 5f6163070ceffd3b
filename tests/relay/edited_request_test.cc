// An edited request on its way: slow and broken servers, early answers, replays and limits.

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/relay/edit_bench.h"
#include "tests/relay/messages.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
// What a stream may keep: high_water, one write on top and a head.
constexpr std::size_t most_kept = 2 * high_water + 4096;

std::string large_body() {
  static const std::string half(mebibyte, 'x');
  return half + "{T}" + half + "{T}";
}

std::string large_body_with(std::string_view token) {
  static const std::string half(mebibyte, 'x');
  return fmt::format("{0}<{1}>{0}<{1}>", half, token);
}

// The server takes so much of it and then no more.
void send_stuck(Desk& desk, std::string_view bytes, std::size_t window) {
  desk.bench.dialer().set_mode(FakeDialer::Mode::hold);
  desk.send(bytes);
  desk.bench.dialer().accept(window);
  desk.bench.settle();
  desk.bench.dialer().set_mode(FakeDialer::Mode::accept);
}

void take_all(Desk& desk, std::size_t connection = 0) {
  desk.bench.upstream(connection).set_window(MemoryPeer::unlimited);
  desk.bench.settle();
}

}  // namespace

TEST_CASE("a server that takes an edited body slowly is not given up") {
  Desk desk("timeouts: {idle: 60s, response_header: 60s}");
  send_stuck(desk, post(large_body()), 0);
  for (int i = 0; i < 20; ++i) {
    desk.bench.upstream().set_window(20'000);
    desk.bench.advance(seconds(30));
  }
  CHECK(desk.client->received().empty());
  take_all(desk);
  CHECK((read_message(desk.bench.upstream().take()).body == large_body_with("one")));
  desk.answer_with(answer("200 OK", "done"));
  CHECK(read_message(desk.client->take()).body == "done");
  desk.send(post("{T}"));
  CHECK(desk.bench.upstreams() == 1);
}

TEST_CASE("a server that takes nothing more of an edited body is 504") {
  Desk desk("timeouts: {response_header: 20s}");
  send_stuck(desk, post(large_body()), 100'000);
  desk.bench.advance(milliseconds(19'999));
  CHECK(desk.client->received().empty());
  desk.bench.advance(milliseconds(1));
  CHECK(desk.reason() == "upstream_timeout");
  CHECK(desk.bench.upstream().is_closed());
  desk.send(post("{T}"));
  CHECK(read_message(desk.bench.upstream(1).take()).body == "<one>");
}

TEST_CASE("an answer that comes before an edited body is sent reaches the client") {
  SECTION("whole: the rest is not sent, and the connection not used again") {
    Desk desk;
    send_stuck(desk, post(large_body()), 1000);
    desk.answer_with(answer("413 Content Too Large", "too much"));
    CHECK(read_message(desk.client->take()).body == "too much");
    CHECK(desk.bench.upstream().is_closed());
    desk.send(post("next {T}"));
    REQUIRE(desk.bench.upstreams() == 2);
    CHECK(read_message(desk.bench.upstream(1).take()).body == "next <one>");
  }
  SECTION("in part: the rest is sent meanwhile, and the connection used again") {
    Desk desk;
    send_stuck(desk, post(large_body()), 1000);
    desk.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirst");
    CHECK(desk.client->take().ends_with("first"));
    take_all(desk);
    CHECK((read_message(desk.bench.upstream().take()).body == large_body_with("one")));
    desk.answer_with("end");
    CHECK(desk.client->take() == "end");
    desk.send(post("next {T}"));
    CHECK(desk.bench.upstreams() == 1);
    CHECK(read_message(desk.bench.upstream().take()).body == "next <one>");
  }
  SECTION("and the server breaks off") {
    Desk desk;
    send_stuck(desk, post(large_body()), 1000);
    desk.bench.upstream().send(answer("413 Content Too Large", "too much", "Connection: close"));
    desk.bench.upstream().fail();
    desk.bench.settle();
    CHECK(read_message(desk.client->take()).body == "too much");
    CHECK_FALSE(desk.client->is_closed());
  }
}

TEST_CASE("a server that goes while an edited body is sent is 502, and nothing is sent again") {
  for (const bool in_order : {true, false}) {
    for (const bool is_reused : {true, false}) {
      INFO((in_order ? "end" : "reset") << (is_reused ? ", reused" : ", new"));
      Desk desk;
      if (is_reused) {
        desk.send(post("first {T}"));
        desk.answer_with(answer("200 OK", "done"));
        desk.client->take();
        desk.bench.upstream().set_window(1000);
        desk.send(post(large_body()));
      } else {
        send_stuck(desk, post(large_body()), 1000);
      }
      MemoryPeer& server = desk.bench.upstream();
      in_order ? server.end() : server.fail();
      desk.bench.settle();
      CHECK(desk.reason() == "upstream_closed");
      CHECK(server.is_closed());
      CHECK(desk.bench.upstreams() == 1);
      desk.send(post("next {T}"));
      CHECK(read_message(desk.bench.upstream(1).take()).body == "next <one>");
    }
  }
}

TEST_CASE("a request with the token in its target is tried again on a new connection") {
  Desk desk;
  desk.send(request("GET /page?x={T}"));
  desk.answer_with(answer("200 OK", "done"));
  desk.client->take();
  desk.send(request("GET /page?y={T}"));
  desk.bench.upstream().end();
  desk.bench.settle();
  REQUIRE(desk.bench.upstreams() == 2);
  CHECK(read_message(desk.bench.upstream(1).take()).start == "GET /page?y=<one> HTTP/1.1");
}

TEST_CASE("a session that is refused before the body is sent is not in what is sent next") {
  Desk desk;
  send_stuck(desk, post(large_body()), 1000);
  desk.answer_with(answer("401 Unauthorized", "no"));
  CHECK(desk.client->received().empty());
  // Nothing of the old message follows but what the stream had been given: that is not much.
  const std::size_t before = desk.bench.upstream().received().size();
  take_all(desk);
  CHECK(desk.bench.upstream().received().size() <= before + most_kept);
  CHECK(desk.bench.upstream().is_closed());
  desk.bench.log_in("a-longer-one");
  REQUIRE(desk.bench.upstreams() == 2);
  const Message sent = read_message(desk.bench.upstream(1).take());
  CHECK((sent.body == large_body_with("a-longer-one")));
  CHECK(sent.field("Content-Length") == std::to_string(sent.body.size()));
  CHECK(sent.field("Authorization") == "Bearer a-longer-one");
}

TEST_CASE("a refusal that is not whole yet keeps the rest of the old message back") {
  Desk desk;
  send_stuck(desk, post(large_body()), 1000);
  desk.answer_with("HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nno");
  take_all(desk);
  CHECK(desk.bench.upstream().received().size() <= 1000 + most_kept);
  desk.bench.log_in("second");
  REQUIRE(desk.bench.upstreams() == 2);
  CHECK((read_message(desk.bench.upstream(1).take()).body == large_body_with("second")));
}

TEST_CASE("a replay is edited in its target too, and with tokens of any length") {
  for (const std::string& token : {std::string("2"), std::string(3000, 't')}) {
    Desk desk;
    desk.send(request("GET /page?x={T}&y={T}"));
    CHECK(read_message(desk.bench.upstream().take()).start == "GET /page?x=<one>&y=<one> HTTP/1.1");
    desk.answer_with(answer("401 Unauthorized", "no"));
    desk.bench.log_in(token);
    CHECK(read_message(desk.bench.upstream().take()).start ==
          fmt::format("GET /page?x=<{0}>&y=<{0}> HTTP/1.1", token));
  }
}

TEST_CASE("a replay of an edited message that is refused too is the client's answer") {
  Desk desk;
  desk.send(post("{T}"));
  desk.answer_with(answer("401 Unauthorized", "first"));
  desk.bench.log_in("second");
  desk.bench.upstream().take();
  desk.answer_with(answer("401 Unauthorized", "second"));
  CHECK(read_message(desk.client->take()).body == "second");
  CHECK(desk.bench.upstream().take().empty());
}

TEST_CASE("the refusal of an edited message passes untouched when the login fails") {
  Desk desk;
  desk.send(post("{T}"));
  desk.answer_with(answer("401 Unauthorized", "first", "X-Own: yes"));
  desk.bench.block_logins(ErrorKind::login_rejected, seconds(90));
  const Message got = read_message(desk.client->take());
  CHECK(got.body == "first");
  CHECK(got.field("X-Own") == "yes");
}

TEST_CASE("a session that ends while a message waits for a connection is not put into it") {
  Desk desk("pool: {max_connections: 1}");
  const PeerPtr first = desk.bench.connect();
  first->send(request("GET /slow"));
  desk.bench.settle();
  desk.bench.upstream().take();
  desk.bench.log_in("short", seconds(5));
  desk.send(post("{T}"));
  desk.bench.advance(seconds(6));
  desk.answer_with(answer("200 OK", "done"));
  CHECK(desk.bench.upstream().take().empty());
  desk.bench.log_in("fresh");
  CHECK(read_message(desk.bench.upstream().take()).body == "<fresh>");
}

TEST_CASE("a client that goes takes its edited message with it, at every moment") {
  enum class Moment { gathering, awaiting_session, awaiting_connection, sending, awaiting_answer };
  for (const Moment moment :
       {Moment::gathering, Moment::awaiting_session, Moment::awaiting_connection, Moment::sending,
        Moment::awaiting_answer}) {
    for (const bool in_order : {true, false}) {
      INFO("moment " << static_cast<int>(moment) << (in_order ? ", end" : ", reset"));
      RelayBench bench(make_config(session_file(), &mark_scheme()));
      if (moment != Moment::awaiting_session) bench.log_in("one");
      bench.dialer().set_mode(FakeDialer::Mode::hold);
      const PeerPtr client = bench.connect();
      const std::string bytes = post(large_body());
      client->send(moment == Moment::gathering ? bytes.substr(0, mebibyte) : bytes);
      bench.settle();
      const bool is_dialled = moment >= Moment::sending;
      if (is_dialled)
        bench.dialer().accept(moment == Moment::sending ? 1000 : MemoryPeer::unlimited);
      bench.settle();
      in_order ? client->end() : client->fail();
      bench.settle();
      CHECK(bench.clients() == 0);
      CHECK(bench.dialer().waiting() == 0);
      if (is_dialled) CHECK(bench.upstream().is_closed());
      CHECK(bench.gauge("vsaproxy_connections", {"client", "active"}) == 0);
      CHECK(bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
    }
  }
}

TEST_CASE("the smaller one of limits.request_body and limits.soap_body holds for edited bodies") {
  for (const std::string_view limits :
       {"limits: {request_body: 1KiB, soap_body: 1MiB}", "limits: {soap_body: 1KiB}",
        "limits: {request_body: 1MiB, soap_body: 1KiB}"}) {
    for (const bool is_chunked : {false, true}) {
      INFO(limits << (is_chunked ? ", chunked" : ", with length"));
      const auto bytes = [&](std::size_t size) {
        const std::string body = "{T}" + std::string(size - 3, 'x');
        return is_chunked ? request("POST /ws", "Transfer-Encoding: chunked", chunked(body, 100))
                          : post(body);
      };
      Desk desk("", limits);
      desk.send(bytes(1024));
      CHECK(read_message(desk.bench.upstream().take()).body.size() == 1026);
      desk.answer_with(answer("200 OK", "done"));
      desk.client->take();
      desk.send(bytes(1025));
      const Message got = read_message(desk.client->take());
      CHECK(got.start == "HTTP/1.1 413 Content Too Large");
      CHECK(got.field("X-Proxy-Error") == "body_too_large");
      CHECK(desk.bench.upstream().take().empty());
    }
  }
}

TEST_CASE("a body in a coding that nobody can edit is refused before it is asked for") {
  for (const std::string_view fields :
       {"Content-Encoding: gzip", "Content-Encoding: identity, gzip",
        "Content-Encoding: identity\r\nContent-Encoding: br", "content-encoding: x-unknown"}) {
    INFO(fields);
    Desk desk;
    desk.send(request("POST /ws",
                      fmt::format("{}\r\nExpect: 100-continue\r\nContent-Length: 3", fields)));
    const Message got = read_message(desk.client->take());
    CHECK(got.start == "HTTP/1.1 400 Bad Request");
    CHECK(got.field("Connection") == "close");
    CHECK(desk.bench.upstreams() == 0);
  }
  Desk plain;
  plain.send(post("{T}", "Content-Encoding: Identity"));
  CHECK(read_message(plain.bench.upstream().take()).body == "<one>");
}

TEST_CASE("a message that is whole already is sent without asking the server first") {
  Desk desk("replay: {max_body: 1KiB, expect_continue: true}");
  const std::string body = "{T}" + std::string(5000, 'x');
  desk.send(request("POST /ws", "Content-Length: 5003\r\nExpect: 100-continue"));
  CHECK(desk.client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
  desk.send(body);
  const Message sent = read_message(desk.bench.upstream().take());
  CHECK(sent.field("Expect") == "-");
  CHECK(sent.is_whole);
  desk.answer_with("HTTP/1.1 100 Continue\r\n\r\n" + answer("200 OK", "done"));
  CHECK(read_message(desk.client->take()).body == "done");
}

TEST_CASE("an edited message whose chunks are malformed never reaches the server") {
  for (const std::string_view rest : {"XX\r\n", "3\r\nabcd\r\n", "0\r\nbad trailer\r\n\r\n"}) {
    Desk desk;
    desk.send(request("POST /ws", "Transfer-Encoding: chunked", "3\r\n{T}\r\n"));
    desk.send(rest);
    const Message got = read_message(desk.client->take());
    CHECK(got.start == "HTTP/1.1 400 Bad Request");
    CHECK(got.field("Connection") == "close");
    CHECK(desk.bench.upstreams() == 0);
  }
}

TEST_CASE("a login in a body is answered though a large one waits behind it") {
  Desk desk;
  desk.send(post("Authenticate") + post(large_body()));
  CHECK(read_message(desk.client->take()).body == "Authenticate ");
  CHECK((read_message(desk.bench.upstream().take()).body == large_body_with("one")));
}

}  // namespace vsaproxy::relay
