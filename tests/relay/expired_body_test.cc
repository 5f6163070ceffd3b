// An expired session that shows in a small JSON body under status 200.

#include <catch2/catch.hpp>

#include <zlib.h>

#include <array>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

using Reports = std::vector<std::string>;

const std::string json = "Content-Type: application/json; charset=utf-8";
const std::string expired = "{\"Result\":\"\",\"ResponseCode\":401,\"Status\":\"Unauthorized\"}";
const std::string fine = "{\"Result\":\"\",\"ResponseCode\":0,\"Status\":\"OK\"}";

enum class Coding : int { gzip = MAX_WBITS + 16, zlib = MAX_WBITS, raw = -MAX_WBITS };

std::string deflated(std::string_view body, Coding coding) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, static_cast<int>(coding), 8, Z_DEFAULT_STRATEGY) ==
          Z_OK);
  std::string out(deflateBound(&stream, body.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string in_chunks(std::string_view body, std::string_view fields) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
         chunked(body, 9);
}

// A bench with session 1, and a client whose request has gone upstream.
struct Asked {
  explicit Asked(std::string_view file = session_file()) : bench(file), client(bench.connect()) {
    bench.log_in("old");
    client->send(request("GET /"));
    bench.settle();
    bench.upstream().take();
    bench.reports();
  }
  RelayBench bench;
  PeerPtr client;
};

}  // namespace

TEST_CASE("a small JSON body with ResponseCode 401 is withdrawn, and its request replayed") {
  struct Case {
    std::string sent;
    bool ends;
  };
  const std::string after_result =
      "{\"TotalRecords\":0,\"Result\":{\"ResponseCode\":0,\"x\":[1,{}]},\"ResponseCode\":401}";
  const std::string gzipped = deflated(expired, Coding::gzip);
  const Case cases[] = {
      {answer("200 OK", expired, json), false},
      {answer("200 OK", "\xEF\xBB\xBF" + expired, json), false},
      {answer("200 OK", after_result, json), false},
      {answer("200 OK", expired, "Content-Type: application/problem+json"), false},
      {in_chunks(expired, json), false},
      {"HTTP/1.1 200 OK\r\n" + json + "\r\n\r\n" + expired, true},
      {answer("200 OK", gzipped, json + "\r\nContent-Encoding: gzip"), false},
      {answer("200 OK", gzipped, json + "\r\nContent-Encoding: x-gzip"), false},
      {in_chunks(gzipped, json + "\r\nContent-Encoding: gzip"), false},
      {answer("200 OK", deflated(expired, Coding::zlib), json + "\r\nContent-Encoding: deflate"),
       false},
      {answer("200 OK", deflated(expired, Coding::raw), json + "\r\nContent-Encoding: deflate"),
       false},
      {answer("200 OK", expired, json + "\r\nContent-Encoding: identity"), false},
  };
  for (const Case& c : cases) {
    for (const std::size_t piece : {std::size_t{1}, MemoryPeer::unlimited}) {
      INFO(c.sent << " in pieces of " << piece);
      Asked asked;
      asked.bench.upstream().set_piece(piece);
      asked.bench.upstream().send(c.sent);
      if (c.ends) asked.bench.upstream().end();
      asked.bench.settle();
      CHECK(asked.client->received().empty());
      REQUIRE_FALSE(asked.bench.reports().empty());
      asked.bench.log_in("new");
      MemoryPeer& again = asked.bench.upstream(asked.bench.upstreams() - 1);
      CHECK(read_message(again.take()).field("Authorization") == "Bearer new");
      again.send(answer("200 OK", fine, json));
      asked.bench.settle();
      CHECK(read_message(asked.client->received()).body == fine);
    }
  }
}

TEST_CASE("all other bodies pass, byte by byte as received") {
  const std::string nested = "{\"Result\":{\"ResponseCode\":401},\"ResponseCode\":0}";
  const std::string zipped = deflated(fine, Coding::gzip);
  struct Case {
    std::string body;
    std::string fields;
  };
  const Case cases[] = {
      {fine, json},
      {nested, json},
      {"[{\"ResponseCode\":401}]", json},
      {"not json, ResponseCode 401", json},
      {"{\"ResponseCode\":4010}", json},
      {expired, "Content-Type: text/plain"},
      {expired, "X-None: 1"},
      {zipped, json + "\r\nContent-Encoding: gzip"},
      {"damaged", json + "\r\nContent-Encoding: gzip"},
      {expired, json + "\r\nContent-Encoding: br"},
      {std::string(20'000, ' ') + expired, json},
  };
  for (const Case& c : cases) {
    INFO(c.body.substr(0, 100) << c.fields);
    Asked asked;
    asked.bench.upstream().send(answer("200 OK", c.body, c.fields));
    asked.bench.settle();
    CHECK(read_message(asked.client->received()).body == c.body);
    CHECK(asked.bench.reports().empty());
    CHECK_FALSE(asked.bench.upstream().is_closed());
  }
}

TEST_CASE("the look never holds more than 8 KiB") {
  Asked asked;
  const std::string padded = std::string(10'000, ' ') + expired;
  asked.bench.upstream().send("HTTP/1.1 200 OK\r\n" + json +
                              "\r\nTransfer-Encoding: chunked\r\n\r\n");
  asked.bench.upstream().send("1f40\r\n" + padded.substr(0, 8000) + "\r\n");
  asked.bench.settle();
  CHECK(asked.client->received().empty());
  asked.bench.upstream().send("c1\r\n" + padded.substr(8000, 193) + "\r\n");
  asked.bench.settle();
  CHECK_FALSE(asked.client->received().empty());
  asked.bench.upstream().send(chunked(padded.substr(8193), 5000));
  asked.bench.settle();
  CHECK(read_message(asked.client->received()).body == padded);
  CHECK(asked.bench.reports().empty());
}

TEST_CASE("a body that inflates to more than 8 KiB is not looked at") {
  Asked asked;
  const std::string bomb = deflated(std::string(1'000'000, ' ') + expired, Coding::gzip);
  REQUIRE(bomb.size() < 8192);
  asked.bench.upstream().send(answer("200 OK", bomb, json + "\r\nContent-Encoding: gzip"));
  asked.bench.settle();
  CHECK(read_message(asked.client->received()).body == bomb);
  CHECK(asked.bench.reports().empty());
}

TEST_CASE("a slow body is released after 250 ms, and still watched") {
  Asked asked;
  const std::string sent = answer("200 OK", expired, json);
  asked.bench.upstream().send(sent.substr(0, sent.size() - 10));
  asked.bench.advance(milliseconds(249));
  CHECK(asked.client->received().empty());
  asked.bench.advance(milliseconds(1));
  CHECK(asked.client->received().ends_with(expired.substr(0, expired.size() - 10)));
  asked.bench.upstream().send(sent.substr(sent.size() - 10));
  asked.bench.settle();
  CHECK(read_message(asked.client->received()).body == expired);
  CHECK(asked.bench.reports() == Reports{"suspect 1"});
}

TEST_CASE("a head whose body does not come is released after 250 ms") {
  Asked asked;
  asked.bench.upstream().send("HTTP/1.1 200 OK\r\n" + json + "\r\nContent-Length: 2\r\n\r\n");
  asked.bench.advance(milliseconds(250));
  CHECK(asked.client->received().ends_with("\r\n\r\n"));
  asked.bench.upstream().send("{}");
  asked.bench.settle();
  CHECK(read_message(asked.client->received()).body == "{}");
  CHECK(asked.bench.reports().empty());
}

TEST_CASE("an answer is held no longer because the body of its request was held back before") {
  for (const std::size_t rest : {1, 70'000}) {
    INFO("another " << rest << " bytes");
    RelayBench bench(session_file());
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(request("POST /", "Transfer-Encoding: chunked", "1\r\nx\r\n"));
    bench.settle();
    client->send(chunked(std::string(rest, 'x'), rest));
    bench.settle();
    bench.upstream().send("HTTP/1.1 200 OK\r\n" + json + "\r\nContent-Length: 50\r\n\r\n");
    bench.advance(milliseconds(250));
    CHECK(client->received().ends_with("\r\n\r\n"));
  }
}

TEST_CASE("an upstream that breaks off while its answer is looked at is 502") {
  for (const bool in_order : {true, false}) {
    Asked asked;
    asked.bench.upstream().send("HTTP/1.1 200 OK\r\n" + json + "\r\nContent-Length: 9\r\n\r\n{");
    asked.bench.settle();
    in_order ? asked.bench.upstream().end() : asked.bench.upstream().fail();
    asked.bench.settle();
    CHECK(read_message(asked.client->received()).field("X-Proxy-Error") == "upstream_closed");
  }
}

TEST_CASE("a body-shaped refusal passes untouched when the login fails") {
  for (const std::string& sent :
       {answer("200 OK", expired, json), "HTTP/1.1 200 OK\r\n" + json +
                                             "\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                             chunked(expired, 7, "X-Sum: 1")}) {
    Asked asked;
    asked.bench.upstream().send(sent);
    asked.bench.settle();
    CHECK(asked.client->received().empty());
    asked.bench.block_logins(ErrorKind::login_unavailable, seconds(90));
    const Message got = read_message(asked.client->received());
    CHECK(got.start == "HTTP/1.1 200 OK");
    CHECK(got.body == expired);
    CHECK(got.trailers.size() == (sent.find("X-Sum") == std::string::npos ? 0 : 1));
    CHECK(got.field("X-Proxy-Error") == "-");
  }
}

TEST_CASE("a body-shaped refusal of a replay acquits the session") {
  Asked asked;
  asked.bench.upstream().send(answer("200 OK", expired, json));
  asked.bench.settle();
  asked.bench.log_in("new");
  asked.bench.reports();
  asked.bench.upstream(asked.bench.upstreams() - 1).send(answer("200 OK", expired, json));
  asked.bench.settle();
  CHECK(asked.bench.reports() == Reports{"acquit 2"});
  CHECK(read_message(asked.client->received()).body == expired);
}

TEST_CASE("upstreams without a session are not held back at all") {
  RelayBench bench(open_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 200 OK\r\n" + json + "\r\nContent-Length: 100\r\n\r\n{");
  bench.settle();
  CHECK(client->received().ends_with("{"));
}

}  // namespace vsaproxy::relay
