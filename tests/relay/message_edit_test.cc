// Messages that carry the session: an editor that puts the token where "{T}" stands.

#include <catch2/catch.hpp>

#include "tests/relay/edit_bench.h"
#include "tests/relay/messages.h"

namespace vsaproxy::relay {
namespace {

const std::string xml = "Content-Type: text/xml; charset=utf-8";

}  // namespace

TEST_CASE("a body is edited whole, in whatever framing and pieces it comes") {
  const std::string body = "{T}a{T}{T} and more {T}";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, MemoryPeer::unlimited}) {
    for (const bool is_chunked : {false, true}) {
      INFO(piece << (is_chunked ? " chunked" : " with length"));
      Desk desk;
      desk.client->set_piece(piece);
      desk.send(is_chunked ? request("POST /ws", "Transfer-Encoding: chunked",
                                     chunked(body, 5, "X-Trailer: 1"))
                           : post(body, "Content-MD5: abc"));
      const Message sent = read_message(desk.bench.upstream().take());
      CHECK(sent.body == "<one>a<one><one> and more <one>");
      CHECK(sent.field("Content-Length") == "31");
      CHECK(sent.field("Transfer-Encoding") == "-");
      CHECK(sent.field("Content-MD5") == "-");
      desk.bench.upstream().send(answer("200 OK", "done"));
      desk.bench.settle();
      CHECK(read_message(desk.client->take()).body == "done");
      desk.send(post("next {T}"));
      CHECK(desk.bench.upstreams() == 1);
      CHECK(read_message(desk.bench.upstream().take()).body == "next <one>");
    }
  }
}

TEST_CASE("a body over limits.soap_body is refused, announced or not") {
  const std::string body(2000, 'x');
  for (const std::string& bytes :
       {post(body), request("POST /ws", "Content-Length: 2000\r\nExpect: 100-continue"),
        request("POST /ws", "Transfer-Encoding: chunked", chunked(body, 300))}) {
    Desk desk("", "limits: {soap_body: 1KiB}");
    desk.send(bytes);
    CHECK(read_message(desk.client->received()).field("X-Proxy-Error") == "body_too_large");
    CHECK(desk.bench.upstreams() == 0);
  }
}

TEST_CASE("a client that waits for an invitation gets one before its body is gathered") {
  Desk desk;
  desk.send(request("POST /ws", "Content-Length: 3\r\nExpect: 100-continue"));
  CHECK(desk.status() == "100");
  CHECK(desk.bench.upstreams() == 0);
  desk.send("{T}");
  CHECK(read_message(desk.bench.upstream().take()).body == "<one>");
}

TEST_CASE("what can't be read is refused, and nothing of it goes upstream") {
  for (const std::string& bytes : {post("bad"), post("{T}", "Content-Encoding: gzip")}) {
    Desk desk;
    desk.send(bytes);
    CHECK(read_message(desk.client->take()).field("X-Proxy-Error") == "bad_request");
    CHECK(desk.bench.upstreams() == 0);
    desk.send(post("{T}"));
    CHECK(read_message(desk.bench.upstream().take()).body == "<one>");
  }
}

TEST_CASE("a refused request is replayed with the new token, whatever replay.max_body says") {
  const std::string body = "{T}" + std::string(5000, 'x');
  for (const std::string& refusal :
       {answer("401 Unauthorized", "no"), answer("200 OK", "no session", xml),
        answer("500 Internal Server Error", "no session", xml)}) {
    INFO(refusal);
    Desk desk("replay: {max_body: 1KiB}");
    desk.send(post(body));
    CHECK(read_message(desk.bench.upstream().take()).body == "<one>" + body.substr(3));
    desk.bench.upstream().send(refusal);
    desk.bench.settle();
    CHECK(desk.client->received().empty());
    desk.bench.log_in("second");
    CHECK(read_message(desk.bench.upstream().take()).body == "<second>" + body.substr(3));
    desk.bench.upstream().send(answer("200 OK", "done"));
    desk.bench.settle();
    CHECK(read_message(desk.client->take()).body == "done");
  }
}

TEST_CASE("a login call inside a body is treated as a login path") {
  const auto under = [](std::string_view rule) {
    return "routes: [{name: all, upstream: vsa, login_paths: " + std::string(rule) + "}]";
  };
  const std::string call = post("Authenticate {T}", "Authorization: Basic abc");
  Desk stubbed;
  stubbed.send(call);
  CHECK(read_message(stubbed.client->take()).body == "Authenticate ");
  CHECK(stubbed.bench.upstreams() == 0);
  Desk refused("", under("refuse"));
  refused.send(call);
  CHECK(read_message(refused.client->take()).field("X-Proxy-Error") == "route_denied");
  Desk passed("", under("pass"));
  passed.send(call);
  const Message sent = read_message(passed.bench.upstream().take());
  CHECK(sent.body == "Authenticate {T}");
  CHECK(sent.field("Authorization") == "Basic abc");
  passed.bench.upstream().send(answer("200 OK", "in"));
  passed.bench.settle();
  passed.send(post("{T}", "Authorization: Basic abc"));
  CHECK(read_message(passed.bench.upstream().take()).field("Authorization") == "Bearer one");
}

TEST_CASE("a stubbed login call waits for our session") {
  RelayBench bench(make_config(session_file(), &mark_scheme()));
  const PeerPtr client = bench.connect();
  client->send(post("Authenticate"));
  bench.settle();
  CHECK(client->received().empty());
  bench.log_in("one");
  CHECK(read_message(client->take()).body == "Authenticate ");
}

TEST_CASE("the token goes into the target, and out of Location again") {
  Desk desk;
  desk.send(request("GET /page?x={T}"));
  CHECK(read_message(desk.bench.upstream().take()).start == "GET /page?x=<one> HTTP/1.1");
  desk.bench.upstream().send(answer("302 Found", "", "Location: /other?session=one"));
  desk.bench.settle();
  CHECK(read_message(desk.client->take()).field("Location") == "/other");
}

TEST_CASE("a redirect that keeps the query keeps the token from the client and another host") {
  const auto [name, value,
              expected] = GENERATE(table<std::string_view, std::string_view, std::string_view>({
      {"Location", "https://elsewhere/a?SessionID=one&b=one", "https://elsewhere/a?SessionID=&b="},
      {"Location", "/login?to=%2Fa%3FSessionID%3Done#one", "/login?to=%2Fa%3FSessionID%3D#"},
      {"location", "/a?XmlRequest=%3Ca%3Eone%3C/a%3E", "/a?XmlRequest=%3Ca%3E%3C/a%3E"},
      {"Content-Location", "/a?SessionID=one", "/a?SessionID="},
      {"Refresh", "0; url=https://elsewhere/a?SessionID=one",
       "0; url=https://elsewhere/a?SessionID="},
      {"Location", "/oonenee?session=one", "/e"},
      {"Location", "/a?SessionID=two", "/a?SessionID=two"},
  }));
  CAPTURE(value);
  Desk desk;
  desk.send(request("GET /a?SessionID={T}"));
  desk.bench.upstream().send(answer("302 Found", "", std::string(name).append(": ").append(value)));
  desk.bench.settle();
  CHECK(read_message(desk.client->take()).field(name) == expected);
}

TEST_CASE("an answer that names the API's address gets the client's") {
  const std::string routes =
      "routes: [{name: all, match: {path_prefix: /vsa}, upstream: vsa, strip_prefix: /vsa}]";
  struct Case {
    std::string target;
    std::string address;
  };
  for (const Case& c : {Case{"/vsa/ws?WSDL", "http://localhost/vsa"},
                        Case{"http://127.0.0.1:9280/ws?WSDL", "http://127.0.0.1:9280"}}) {
    INFO(c.target);
    Desk desk("", routes);
    desk.send(request("GET " + c.target, "Accept-Encoding: gzip\r\nRange: bytes=0-1"));
    const Message sent = read_message(desk.bench.upstream().take());
    CHECK(sent.field("Accept-Encoding") == "identity");
    CHECK(sent.field("Range") == "-");
    desk.bench.upstream().send(
        answer("200 OK", "<a at='http://server/ws'/>", xml + "\r\nETag: \"1\""));
    desk.bench.settle();
    const Message got = read_message(desk.client->take());
    CHECK(got.body == "<a at='" + c.address + "/ws'/>");
    CHECK(got.field("ETag") == "-");
    CHECK(got.is_whole);
  }
}

TEST_CASE("an answer over limits.soap_body passes as it is") {
  Desk desk("", "limits: {soap_body: 1KiB}");
  const std::string body = "http://server" + std::string(3000, 'x');
  desk.send(request("GET /ws?WSDL"));
  desk.bench.upstream().send("HTTP/1.1 200 OK\r\n" + xml +
                             "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 500));
  desk.bench.settle();
  CHECK(read_message(desk.client->take()).body == body);
}

TEST_CASE("a body that stops arriving ends with 408, one whose client goes with nothing") {
  Desk slow("timeouts: {idle: 5s}");
  slow.send(request("POST /ws", "Content-Length: 10", "{T}"));
  slow.bench.advance(seconds(4));
  slow.send("x");
  slow.bench.advance(seconds(4));
  CHECK(slow.client->received().empty());
  slow.bench.advance(seconds(2));
  CHECK(slow.status() == "408");
  Desk gone;
  gone.send(request("POST /ws", "Content-Length: 10", "{T}"));
  gone.client->fail();
  gone.bench.settle();
  CHECK(gone.bench.clients() == 0);
  CHECK(gone.bench.upstreams() == 0);
}

TEST_CASE("a pipelined request behind an edited one is intact") {
  Desk desk;
  desk.send(post("{T}1") + post("{T}2"));
  CHECK(read_message(desk.bench.upstream().take()).body == "<one>1");
  desk.bench.upstream().send(answer("200 OK", "a"));
  desk.bench.settle();
  CHECK(read_message(desk.bench.upstream().take()).body == "<one>2");
}

TEST_CASE("a large edited body goes as the upstream takes it, and loses nothing") {
  Desk desk;
  desk.bench.dialer().set_mode(FakeDialer::Mode::hold);
  const std::string half(1024 * 1024, 'x');
  desk.send(post(half + "{T}" + half));
  desk.bench.dialer().accept(0);
  desk.bench.settle();
  std::size_t all = 0;
  for (int i = 0; i < 10; ++i) {
    desk.bench.upstream().set_window(100'000);
    desk.bench.settle();
    all += 100'000;
    CHECK(desk.bench.upstream().received().size() == all);
  }
  desk.bench.upstream().set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  CHECK((read_message(desk.bench.upstream().received()).body == half + "<one>" + half));
  desk.bench.upstream().send(answer("200 OK", "done"));
  desk.bench.settle();
  CHECK(read_message(desk.client->take()).body == "done");
}

}  // namespace vsaproxy::relay
