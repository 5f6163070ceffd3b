#include "proxy/http/serializer.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

#include "proxy/http/head_parser.h"

namespace vsaproxy::http {

namespace {

RequestHead request() {
  RequestHead head;
  head.method = "POST";
  head.target = "/a?b";
  head.fields.add("Host", "vsa.example.com");
  return head;
}

ResponseHead answer(int status) {
  ResponseHead head;
  head.status = status;
  head.reason = "Text";
  return head;
}

std::string text(const ResponseHead& head) {
  std::string out;
  append_response_head(out, head);
  return out;
}

}  // namespace

TEST_CASE("a request head is written from its parts, with one framing") {
  RequestHead head = request();
  head.body = {Framing::length, 12};
  std::string out = "before ";
  append_request_head(out, head);
  CHECK(out == "before POST /a?b HTTP/1.1\r\nHost: vsa.example.com\r\nContent-Length: 12\r\n\r\n");
}

TEST_CASE("framing and connection fields among the fields are never written") {
  RequestHead head = request();
  head.fields.add("content-length", "99");
  head.fields.add("TRANSFER-ENCODING", "gzip");
  head.fields.add("Connection", "Host");
  head.fields.add("Keep-Alive", "5");
  head.body = {Framing::chunked, 0};
  std::string out;
  append_request_head(out, head, ConnectionOption::close);
  CHECK(out ==
        "POST /a?b HTTP/1.1\r\nHost: vsa.example.com\r\nTransfer-Encoding: chunked\r\nConnection: "
        "close\r\n\r\n");
}

TEST_CASE("fields that were received, set, added and removed are written in their order") {
  RequestHead head;
  const std::string_view received =
      "GET /a HTTP/1.1\r\nHost: a\r\nOne: 1\r\nGone: 0\r\nTwo:2\r\nThree: 3\r\nFour:  4 \r\n"
      "Content-Length: 0\r\nFive: 5\r\nSix: 6\r\n\r\n";
  REQUIRE(parse_request_head(received, HeadLimits{}, head));
  head.fields.remove("Gone");
  head.fields.set("Host", "b");
  head.fields.set_value(6, "five");
  head.fields.add("Seven", "");
  std::string out;
  append_request_head(out, head);
  CHECK(out ==
        "GET /a HTTP/1.1\r\nHost: b\r\nOne: 1\r\nTwo: 2\r\nThree: 3\r\nFour: 4\r\n"
        "Five: five\r\nSix: 6\r\nSeven: \r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("an answer is written as HTTP/1.1 with the framing of its body") {
  ResponseHead head = answer(200);
  head.version = Version::http_1_0;
  head.body = {Framing::length, 0};
  CHECK(text(head) == "HTTP/1.1 200 Text\r\nContent-Length: 0\r\n\r\n");
  head.body = {Framing::chunked, 0};
  CHECK(text(head) == "HTTP/1.1 200 Text\r\nTransfer-Encoding: chunked\r\n\r\n");
  head.body = {Framing::until_close, 0};
  head.reason = {};
  CHECK(text(head) == "HTTP/1.1 200 \r\n\r\n");
}

TEST_CASE("only an answer without a body keeps its Content-Length field") {
  for (const int status : {200, 304}) {
    ResponseHead head = answer(status);
    head.fields.add("Content-Length", "500");
    CHECK(text(head).find("Content-Length: 500\r\n") != std::string::npos);
    head.body = {Framing::chunked, 0};
    CHECK(text(head).find("Content-Length") == std::string::npos);
  }
  for (const int status : {100, 204}) {
    ResponseHead head = answer(status);
    head.fields.add("Content-Length", "500");
    CHECK(text(head).find("Content-Length") == std::string::npos);
  }
}

TEST_CASE("a chunk header is the size in hex and a line end") {
  CHECK(ChunkHeader(1).text() == "1\r\n");
  CHECK(ChunkHeader(255).text() == "ff\r\n");
  CHECK(ChunkHeader(0x10000).text() == "10000\r\n");
  CHECK(ChunkHeader(std::numeric_limits<std::size_t>::max()).text() == "ffffffffffffffff\r\n");
}

TEST_CASE("the last chunk carries the trailers") {
  std::string out;
  append_last_chunk(out, nullptr);
  CHECK(out == "0\r\n\r\n");
  Fields trailers;
  trailers.add("X-Sum", "1");
  trailers.add("Content-Length", "7");
  out.clear();
  append_last_chunk(out, &trailers);
  CHECK(out == "0\r\nX-Sum: 1\r\n\r\n");
}

}  // namespace vsaproxy::http
