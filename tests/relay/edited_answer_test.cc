// An answer that names the API's address on its way: held whole, edited, and sent as the client
// takes it.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/relay/edit_bench.h"
#include "tests/relay/messages.h"
#include "tests/unit/ops/temporary_folder.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
constexpr std::size_t most_kept = 2 * high_water + 4096;

const std::string xml = "Content-Type: text/xml; charset=utf-8";
const std::string get = request("GET /ws?WSDL");

std::string description(std::string_view address) {
  static const std::string part(mebibyte, 'x');
  return fmt::format("{1}/a{0}{1}/b{0}{1}", part, address);
}

std::string in_chunks(std::string_view body, std::size_t chunk) {
  return "HTTP/1.1 200 OK\r\n" + xml + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
         chunked(body, chunk);
}

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("an edited answer goes as the client takes it, and little is kept for it") {
  Desk desk;
  desk.send(get);
  desk.client->set_window(0);
  desk.answer_with(answer("200 OK", description("http://server"), xml));
  // The server is done with it.
  const PeerPtr other = desk.bench.connect();
  other->send(request("GET /other"));
  desk.bench.settle();
  CHECK(desk.bench.upstreams() == 1);
  for (int i = 0; i < 20; ++i) {
    const std::size_t before = desk.client->received().size();
    desk.client->set_window(50'000);
    desk.bench.settle();
    CHECK(desk.client->received().size() - before == 50'000);
    CHECK(desk.bench.count("vsaproxy_bytes_total", {"out"}) <=
          desk.client->received().size() + most_kept);
  }
  desk.client->set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  const std::string expected = description("http://localhost");
  const Message got = read_message(desk.client->take());
  CHECK((got.body == expected));
  CHECK(got.field("Content-Length") == std::to_string(expected.size()));
  CHECK(desk.bench.count("vsaproxy_bytes_total", {"out"}) == expected.size());
}

TEST_CASE("a client that takes an edited answer slowly is not cut off, one that takes nothing is") {
  Desk desk("timeouts: {idle: 60s}");
  desk.send(get);
  desk.client->set_window(0);
  desk.answer_with(answer("200 OK", description("http://server"), xml));
  for (int i = 0; i < 10; ++i) {
    desk.client->set_window(1000);
    desk.bench.advance(seconds(50));
  }
  CHECK_FALSE(desk.client->is_closed());
  desk.bench.advance(seconds(121));
  CHECK(desk.client->is_closed());
  CHECK(desk.client->was_reset());
}

TEST_CASE("a client that goes while its answer is held, or sent, leaves nothing behind") {
  for (const bool is_whole : {false, true}) {
    for (const bool in_order : {true, false}) {
      INFO((is_whole ? "sent" : "held") << (in_order ? ", end" : ", reset"));
      Desk desk;
      desk.send(get);
      desk.client->set_window(0);
      const std::string bytes = answer("200 OK", description("http://server"), xml);
      desk.answer_with(is_whole ? bytes : bytes.substr(0, bytes.size() - 1));
      in_order ? desk.client->end() : desk.client->fail();
      desk.bench.settle();
      CHECK(desk.bench.clients() == 0);
      CHECK(desk.bench.upstream().is_closed() == !is_whole);
      CHECK(desk.bench.gauge("vsaproxy_connections", {"upstream", "active"}) == 0);
    }
  }
}

TEST_CASE(
    "an answer is edited in whatever framing and pieces it comes, for clients of both versions") {
  const std::string body = "<a at='http://server/ws' b='http://server'/>";
  const std::string until_close = "HTTP/1.0 200 OK\r\n" + xml + "\r\n\r\n" + body;
  for (const std::string& bytes : {answer("200 OK", body, xml), in_chunks(body, 3), until_close}) {
    for (const std::size_t piece : {std::size_t{1}, MemoryPeer::unlimited}) {
      for (const std::string_view version : {"1.0", "1.1"}) {
        INFO(bytes << " in pieces of " << piece << " for " << version);
        Desk desk;
        desk.send(fmt::format("GET /ws?WSDL HTTP/{}\r\nHost: localhost\r\n\r\n", version));
        desk.bench.upstream().set_piece(piece);
        desk.bench.upstream().send(bytes);
        if (bytes == until_close) desk.bench.upstream().end();
        desk.bench.settle();
        const Message got = read_message(desk.client->take());
        CHECK(got.body == "<a at='http://localhost/ws' b='http://localhost'/>");
        CHECK(got.field("Transfer-Encoding") == "-");
        CHECK(got.field("Content-Length") == std::to_string(got.body.size()));
      }
    }
  }
}

TEST_CASE("HEAD of an edited answer has no length and no tag of the server's own answer") {
  Desk desk;
  desk.send(request("HEAD /ws?WSDL", "Accept-Encoding: gzip"));
  CHECK(read_message(desk.bench.upstream().take()).field("Accept-Encoding") == "identity");
  desk.answer_with("HTTP/1.1 200 OK\r\n" + xml +
                   "\r\nContent-Length: 1000\r\nETag: \"1\"\r\nX-Own: yes\r\n\r\n");
  const Message got = read_message(desk.client->take(), Bodies::none);
  CHECK(got.start == "HTTP/1.1 200 OK");
  CHECK(got.field("Content-Length") == "-");
  CHECK(got.field("Transfer-Encoding") == "-");
  CHECK(got.field("ETag") == "-");
  CHECK(got.field("X-Own") == "yes");
  desk.send(get);
  CHECK(desk.bench.upstreams() == 1);
  desk.answer_with(answer("200 OK", "http://server", xml));
  CHECK(read_message(desk.client->take()).body == "http://localhost");
}

TEST_CASE("answers that are no description pass as they are") {
  struct Case {
    std::string status;
    std::string fields;
  };
  for (const Case& c : {Case{"404 Not Found", xml}, Case{"203 Non-Authoritative Information", xml},
                        Case{"200 OK", "Content-Type: text/html"}, Case{"200 OK", "X-Type: none"},
                        Case{"200 OK", xml + "\r\nContent-Encoding: gzip"}}) {
    INFO(c.status << " " << c.fields);
    Desk desk;
    desk.send(get);
    desk.answer_with(answer(c.status, "http://server", c.fields + "\r\nETag: \"1\""));
    const Message got = read_message(desk.client->take());
    CHECK(got.start == "HTTP/1.1 " + c.status);
    CHECK(got.body == "http://server");
    CHECK(got.field("ETag") == "\"1\"");
  }
}

TEST_CASE("an answer over limits.soap_body passes as it is with a warning, announced or not") {
  const ops::TemporaryFolder folder;
  const std::string body = "http://server" + std::string(3000, 'x');
  for (const bool is_announced : {true, false}) {
    INFO((is_announced ? "announced" : "chunked"));
    const std::string bytes = is_announced ? answer("200 OK", body, xml) : in_chunks(body, 500);
    const std::string file = folder / (is_announced ? "announced.log" : "chunked.log");
    {
      Desk desk("", "limits: {soap_body: 1KiB}", file);
      desk.send(get);
      desk.answer_with(bytes);
      const Message got = read_message(desk.client->take());
      CHECK(got.is_whole);
      CHECK(got.body == body);
      desk.bench.close_log();
    }
    const std::string log = text_of(file);
    CHECK(log.find("an answer over limits.soap_body passed without our address") !=
          std::string::npos);
  }
}

TEST_CASE("an answer of just limits.soap_body is edited") {
  const std::string body = "http://server" + std::string(1024 - 13, 'x');
  for (const std::string& bytes : {answer("200 OK", body, xml), in_chunks(body, 500)}) {
    Desk desk("", "limits: {soap_body: 1KiB}");
    desk.send(get);
    desk.answer_with(bytes);
    CHECK(read_message(desk.client->take()).body == "http://localhost" + body.substr(13));
  }
}

TEST_CASE("an answer over the limit goes on in full though the client is slow") {
  Desk desk("", "limits: {soap_body: 1MiB}");
  desk.send(get);
  desk.client->set_window(0);
  const std::string body = description("http://server");
  desk.answer_with(in_chunks(body, 10'000));
  CHECK(desk.bench.upstream().unread() > mebibyte / 2);
  desk.client->set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  CHECK((read_message(desk.client->take()).body == body));
}

TEST_CASE(
    "a server that breaks off or stops within an answer that is held is an error, not a cut") {
  const std::string begun = "HTTP/1.1 200 OK\r\n" + xml + "\r\nContent-Length: 100\r\n\r\nbegin";
  std::string chunks = in_chunks("begin", 5);
  chunks.resize(chunks.size() - std::string_view("0\r\n\r\n").size());
  for (const std::string& bytes : {begun, chunks}) {
    for (const bool in_order : {true, false}) {
      Desk desk;
      desk.send(get);
      desk.bench.upstream().send(bytes);
      in_order ? desk.bench.upstream().end() : desk.bench.upstream().fail();
      desk.bench.settle();
      const Message got = read_message(desk.client->take());
      CHECK(got.start == "HTTP/1.1 502 Bad Gateway");
      CHECK(got.field("X-Proxy-Error") == "upstream_closed");
      CHECK_FALSE(desk.client->is_closed());
    }
  }
  Desk malformed;
  malformed.send(get);
  malformed.answer_with(chunks + "XX\r\n");
  CHECK(malformed.reason() == "upstream_protocol");
  Desk slow("timeouts: {idle: 5s}");
  slow.send(get);
  slow.answer_with(begun);
  slow.bench.advance(milliseconds(4999));
  slow.answer_with("x");
  slow.bench.advance(milliseconds(4999));
  CHECK(slow.client->received().empty());
  slow.bench.advance(milliseconds(1));
  CHECK(slow.reason() == "upstream_timeout");
  CHECK(slow.bench.upstream().is_closed());
}

TEST_CASE("a request's body goes on while its answer is held") {
  Desk desk;
  desk.send(request("PUT /ws?WSDL", "Transfer-Encoding: chunked", "5\r\nfirst\r\n"));
  desk.bench.advance(seconds(1));  // till then its beginning is held back
  const std::string bytes = answer("200 OK", "http://server", xml);
  desk.answer_with(bytes.substr(0, bytes.size() - 1));
  desk.send("3\r\nend\r\n0\r\n\r\n");
  const Message sent = read_message(desk.bench.upstream().take());
  CHECK(sent.is_whole);
  CHECK(sent.body == "firstend");
  desk.answer_with(bytes.substr(bytes.size() - 1));
  CHECK(read_message(desk.client->take()).body == "http://localhost");
  desk.send(get);
  CHECK(desk.bench.upstreams() == 1);
}

TEST_CASE("an edited body goes on while its answer is held") {
  Desk desk;
  desk.bench.dialer().set_mode(FakeDialer::Mode::hold);
  const std::string rest(mebibyte, 'x');
  desk.send(
      request("POST /ws?WSDL", fmt::format("Content-Length: {}", rest.size() + 3), "{T}" + rest));
  desk.bench.dialer().accept(1000);
  desk.bench.settle();
  const std::string bytes = answer("200 OK", "http://server", xml);
  desk.answer_with(bytes.substr(0, bytes.size() - 1));
  desk.bench.upstream().set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  CHECK((read_message(desk.bench.upstream().take()).body == "<one>" + rest));
  desk.answer_with(bytes.substr(bytes.size() - 1));
  CHECK(read_message(desk.client->take()).body == "http://localhost");
}

TEST_CASE("a server that takes a body slowly while its answer is held is not given up") {
  Desk desk("timeouts: {idle: 60s}");
  desk.bench.dialer().set_mode(FakeDialer::Mode::hold);
  const std::string body(50'000, 'x');
  desk.send(request("PUT /ws?WSDL", "Content-Length: 50000", body));
  desk.bench.dialer().accept(1000);
  desk.bench.settle();
  const std::string bytes = answer("200 OK", "http://server", xml);
  desk.answer_with(bytes.substr(0, bytes.size() - 1));
  for (int i = 0; i < 10; ++i) {
    desk.bench.upstream().set_window(1000);
    desk.bench.advance(seconds(50));
  }
  CHECK(desk.client->received().empty());
  desk.bench.upstream().set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  CHECK((read_message(desk.bench.upstream().take()).body == body));
  desk.answer_with(bytes.substr(bytes.size() - 1));
  CHECK(read_message(desk.client->take()).body == "http://localhost");
}

TEST_CASE("an address with characters that mean something in XML is escaped") {
  Desk desk("",
            "routes: [{name: all, match: {path_prefix: \"/a&b'c\"}, upstream: vsa, "
            "strip_prefix: \"/a&b'c\"}]");
  desk.send(request("GET /a&b'c/ws?WSDL"));
  desk.answer_with(answer("200 OK", "<a at='http://server/ws'/>", xml));
  CHECK(read_message(desk.client->take()).body == "<a at='http://localhost/a&amp;b&apos;c/ws'/>");
}

TEST_CASE("a whole answer that comes before its request's body ends it for the server") {
  Desk desk;
  desk.send(request("PUT /ws?WSDL", "Transfer-Encoding: chunked", "5\r\nfirst\r\n"));
  desk.bench.advance(seconds(1));  // till then its beginning is held back
  desk.answer_with(answer("200 OK", "http://server", xml));
  const Message got = read_message(desk.client->take());
  CHECK(got.body == "http://localhost");
  CHECK(got.field("Connection") == "close");
  CHECK(desk.bench.upstream().is_closed());
  desk.send("3\r\nend\r\n0\r\n\r\n" + get);
  CHECK(desk.bench.upstreams() == 1);
  CHECK(desk.client->was_ended());
}

TEST_CASE("a client without a Host gets the description as it is") {
  Desk desk;
  desk.send("GET /ws?WSDL HTTP/1.0\r\n\r\n");
  desk.answer_with(answer("200 OK", "http://server", xml));
  CHECK(read_message(desk.client->take()).body == "http://server");
}

TEST_CASE("pipelined descriptions come in their order, to a client that reads late") {
  Desk desk;
  desk.client->set_window(0);
  desk.send(get + get + request("GET /last"));
  for (int i = 0; i < 2; ++i) {
    desk.answer_with(answer("200 OK", description("http://server"), xml));
    desk.client->set_window(MemoryPeer::unlimited);
    desk.bench.settle();
    desk.client->set_window(0);
  }
  desk.answer_with(answer("200 OK", "last"));
  desk.client->set_window(MemoryPeer::unlimited);
  desk.bench.settle();
  const auto answers = read_messages(desk.client->take());
  REQUIRE(answers.size() == 3);
  CHECK((answers[0].body == description("http://localhost")));
  CHECK((answers[1].body == description("http://localhost")));
  CHECK(answers[2].body == "last");
}

}  // namespace vsaproxy::relay
