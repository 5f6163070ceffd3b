// The body of a login call that the proxy answers: read whole first, for the answer may depend on
// it.

#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>

#include "proxy/auth/key_hash.h"
#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t most = 64 * 1024;

auth::LocalAnswer echo(const auth::StubRequest& asked) {
  if (asked.call == auth::LoginCall::logout) return {200, "text/plain", "bye"};
  if (!asked.failure.empty()) return {400, "text/plain", "no session"};
  return {200, "text/plain", fmt::format("[{}]{}", asked.content_type, asked.body)};
}

// Its login answers with the type and the body that it got.
const auth::SchemeSpec& echo_scheme() {
  static constexpr std::array<auth::LoginPath, 2> paths = {{
      {"POST", "/token"},
      {"DELETE", "/session", auth::LoginCall::logout},
  }};
  static const auth::SchemeSpec spec = [] {
    auth::SchemeSpec made;
    made.name = "echo";
    made.logs_in = true;
    made.login_paths = paths;
    made.stub = echo;
    return made;
  }();
  return spec;
}

std::string login(std::string_view fields, std::string_view body = "") {
  return request("POST /api/v1.0/token", fields, body);
}

std::string with_length(std::string_view body) {
  return login(fmt::format("Content-Length: {}", body.size()), body);
}

std::string in_chunks(std::string_view body, std::size_t chunk) {
  return login("Transfer-Encoding: chunked", chunked(body, chunk, "X-Sum: 1"));
}

struct Desk {
  enum class Session { none, one };
  explicit Desk(const std::string& file = session_file(), Session session = Session::one)
      : bench(make_config(file, &echo_scheme())), client(bench.connect()) {
    if (session == Session::one) bench.log_in("one");
  }

  void send(std::string_view bytes) {
    client->send(bytes);
    bench.settle();
  }
  Message take() { return read_message(client->take()); }

  RelayBench bench;
  PeerPtr client;
};

}  // namespace

TEST_CASE("a login is answered from its whole body, in whatever framing and pieces it comes") {
  std::string body(10'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{777}, MemoryPeer::unlimited}) {
    for (const std::string& bytes : {with_length(body), in_chunks(body, 100), in_chunks(body, 1)}) {
      Desk desk;
      desk.client->set_piece(piece);
      desk.send(bytes);
      const Message got = desk.take();
      CHECK(got.start == "HTTP/1.1 200 OK");
      CHECK((got.body == "[]" + body));
      CHECK_FALSE(desk.client->is_closed());
      CHECK(desk.bench.upstreams() == 0);
    }
  }
}

TEST_CASE("a login without a body is answered at once") {
  for (const std::string& bytes :
       {login(""), with_length(""), login("Transfer-Encoding: chunked", chunked("", 1))}) {
    Desk desk;
    desk.send(bytes);
    CHECK(desk.take().body == "[]");
  }
}

TEST_CASE("nothing is answered before the last byte of a login has come") {
  const std::string text = "grant_type=password&password=a%26b";
  const std::string bytes =
      login("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 34", text);
  Desk desk;
  for (const char& byte : bytes) {
    CHECK(desk.client->received().empty());
    desk.send({&byte, 1});
  }
  CHECK(desk.take().body == "[application/x-www-form-urlencoded]" + text);
}

TEST_CASE("a login of up to 64 KiB is read, a longer one is 413") {
  for (const bool is_chunked : {false, true}) {
    INFO((is_chunked ? "chunked" : "with length"));
    const auto bytes = [&](std::size_t size) {
      const std::string body(size, 'x');
      return is_chunked ? in_chunks(body, 1000) : with_length(body);
    };
    Desk fits;
    fits.send(bytes(most));
    CHECK(fits.take().body.size() == most + 2);
    Desk longer;
    longer.send(bytes(most + 1));
    const Message got = longer.take();
    CHECK(got.start == "HTTP/1.1 413 Content Too Large");
    CHECK(got.field("X-Proxy-Error") == "body_too_large");
    CHECK(got.field("Connection") == "close");
    CHECK(longer.client->was_ended());
    CHECK(longer.bench.upstreams() == 0);
  }
}

TEST_CASE("a login that says that it is too long is refused before it is sent") {
  for (const std::string_view expect : {"", "Expect: 100-continue\r\n"}) {
    Desk desk;
    desk.send(login(fmt::format("{}Content-Length: {}", expect, most + 1)));
    const Message got = desk.take();
    CHECK(got.start == "HTTP/1.1 413 Content Too Large");
    CHECK(got.field("Connection") == "close");
  }
}

TEST_CASE("limits.request_body holds for logins too") {
  for (const std::string& bytes :
       {with_length(std::string(1025, 'x')), in_chunks(std::string(1025, 'x'), 100)}) {
    Desk desk(session_file("", "limits: {request_body: 1KiB}"));
    desk.send(with_length(std::string(1024, 'x')));
    CHECK(desk.take().body.size() == 1026);
    desk.send(bytes);
    CHECK(desk.take().field("X-Proxy-Error") == "body_too_large");
  }
}

TEST_CASE("a login whose body stops arriving is 408, one that is slow is not") {
  Desk desk(session_file("timeouts: {idle: 5s}"));
  desk.send(login("Content-Length: 10", "a"));
  for (const std::string_view byte : {"b", "c", "d"}) {
    desk.bench.advance(milliseconds(4999));
    CHECK(desk.client->received().empty());
    desk.send(byte);
  }
  desk.bench.advance(milliseconds(4999));
  CHECK(desk.client->received().empty());
  desk.bench.advance(milliseconds(1));
  const Message got = desk.take();
  CHECK(got.start == "HTTP/1.1 408 Request Timeout");
  CHECK(got.field("X-Proxy-Error") == "request_timeout");
  CHECK(got.field("Connection") == "close");
  CHECK(desk.client->was_ended());
}

TEST_CASE("a login's body is no longer waited for once it is whole") {
  Desk desk(session_file("timeouts: {idle: 2s}"), Desk::Session::none);
  desk.send(with_length("abc"));
  desk.bench.advance(seconds(9));
  CHECK(desk.client->received().empty());
  desk.bench.log_in("one");
  CHECK(desk.take().body == "[]abc");
}

TEST_CASE("a login that waits for an invitation gets one, once") {
  for (const std::string& rest : {std::string("abc"), chunked("abc", 2)}) {
    Desk desk;
    desk.send(login((rest == "abc" ? "Content-Length: 3" : "Transfer-Encoding: chunked") +
                    std::string("\r\nExpect: 100-continue")));
    CHECK(desk.client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
    desk.send(rest);
    CHECK(desk.take().body == "[]abc");
  }
  // A client of HTTP/1.0 would take it for the answer (RFC 9110, 10.1.1).
  Desk old;
  old.send(
      "POST /api/v1.0/token HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  CHECK(old.client->received().empty());
  old.send("abc");
  CHECK(old.take().body == "[]abc");
}

TEST_CASE("a login whose chunks are malformed is refused, and the connection ends") {
  Desk desk;
  desk.send(login("Transfer-Encoding: chunked", "3\r\nabc\r\nXX\r\n"));
  const Message got = desk.take();
  CHECK(got.start == "HTTP/1.1 400 Bad Request");
  CHECK(got.field("Connection") == "close");
  CHECK(desk.client->was_ended());
  CHECK(desk.bench.upstreams() == 0);
}

TEST_CASE("a client that goes within its login, or while it waits, leaves nothing behind") {
  for (const bool in_order : {true, false}) {
    for (const std::string& bytes :
         {login("Content-Length: 10", "abc"), login("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
          with_length("abc")}) {
      Desk desk(session_file(), Desk::Session::none);
      desk.send(bytes);
      in_order ? desk.client->end() : desk.client->fail();
      desk.bench.settle();
      CHECK(desk.client->is_closed());
      CHECK(desk.bench.clients() == 0);
      CHECK(desk.bench.gauge("vsaproxy_connections", {"client", "active"}) == 0);
      desk.bench.log_in("one");
      CHECK(desk.client->received().empty());
      // What it took is free for the next one.
      const PeerPtr next = desk.bench.connect();
      next->send(with_length("xyz"));
      desk.bench.settle();
      CHECK(read_message(next->received()).body == "[]xyz");
    }
  }
}

TEST_CASE("requests behind a login are served in their order") {
  for (const bool is_chunked : {false, true}) {
    for (const std::size_t piece : {std::size_t{1}, MemoryPeer::unlimited}) {
      Desk desk;
      desk.client->set_piece(piece);
      const std::string first = is_chunked ? in_chunks("abc", 2) : with_length("abc");
      desk.send(first + with_length("xyz") + request("DELETE /api/v1.0/session") +
                request("GET /api/v1.0/things"));
      const auto answers = read_messages(desk.client->take());
      REQUIRE(answers.size() == 3);
      CHECK(answers[0].body == "[]abc");
      CHECK(answers[1].body == "[]xyz");
      CHECK(answers[2].body == "bye");
      REQUIRE(desk.bench.upstreams() == 1);
      const Message sent = read_message(desk.bench.upstream().received());
      CHECK(sent.start == "GET /api/v1.0/things HTTP/1.1");
      CHECK(sent.field("Authorization") == "Bearer one");
    }
  }
}

TEST_CASE("a logout is answered whatever body it has, and the next request is intact") {
  Desk desk;
  desk.send(request("DELETE /api/v1.0/session", "Content-Length: 10", "abc"));
  CHECK(desk.take().body == "bye");
  desk.send("defghij" + with_length("xyz"));
  CHECK(desk.take().body == "[]xyz");
}

TEST_CASE("a login waits for our session and fails if there is none, as the API says it") {
  Desk waits(session_file(), Desk::Session::none);
  waits.send(login("Content-Length: 3", "a"));
  CHECK(waits.bench.reports().empty());
  waits.send("bc");
  CHECK(waits.bench.reports() == std::vector<std::string>{"need 0"});
  CHECK(waits.client->received().empty());
  waits.bench.log_in("one");
  CHECK(waits.take().body == "[]abc");
  Desk fails(session_file(), Desk::Session::none);
  fails.bench.block_logins(ErrorKind::login_rejected, seconds(90));
  fails.send(in_chunks("abc", 1));
  const Message got = fails.take();
  CHECK(got.start == "HTTP/1.1 400 Bad Request");
  CHECK(got.body == "no session");
  CHECK_FALSE(fails.client->is_closed());
}

TEST_CASE("a login that is not answered here is not gathered") {
  Desk refused(session_file("", "routes: [{name: all, upstream: vsa, login_paths: refuse}]"));
  refused.send(login("Content-Length: 10", "abc"));
  CHECK(refused.take().field("X-Proxy-Error") == "route_denied");
  Desk passed(session_file("replay: {max_body: 1B}",
                           "routes: [{name: all, upstream: vsa, login_paths: pass}]"));
  passed.send(login("Content-Length: 10\r\nAuthorization: Basic eA==", "abc"));
  const Message sent = read_message(passed.bench.upstream().received());
  CHECK(sent.field("Authorization") == "Basic eA==");
  CHECK(sent.body == "abc");
  CHECK_FALSE(sent.is_whole);
}

TEST_CASE("a login under way at the end of the process is still answered") {
  Desk desk;
  desk.send(login("Content-Length: 3", "a"));
  desk.bench.drain();
  CHECK_FALSE(desk.client->is_closed());
  desk.send("bc");
  const Message got = desk.take();
  CHECK(got.body == "[]abc");
  CHECK(got.field("Connection") == "close");
  CHECK(desk.client->is_closed());
}

TEST_CASE("a login whose body comes while its key is checked is answered from all of it") {
  const std::string hash = auth::to_string(auth::hash_key("a-key", "0123456789abcdef"));
  std::string file = session_file();
  const std::string_view listen = "listen: 127.0.0.1:3128\n";
  file.replace(file.find(listen), listen.size(),
               fmt::format("listeners: [{{name: l, address: 127.0.0.1:3128, clients: {{api_keys: "
                           "{{keys: [{{name: tool, hash: \"{}\"}}]}}}}}}]\n",
                           hash));
  Desk desk(file);
  desk.bench.keys().hold();
  desk.send(login("X-Vsaproxy-Key: a-key\r\nContent-Length: 6", "ab"));
  desk.send("cd");
  CHECK(desk.client->received().empty());
  desk.bench.keys().release();
  desk.bench.settle();
  CHECK(desk.client->received().empty());
  desk.send("ef");
  CHECK(desk.take().body == "[]abcdef");
}

}  // namespace vsaproxy::relay
