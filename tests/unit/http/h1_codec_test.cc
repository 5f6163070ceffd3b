#include "proxy/http/h1_codec.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "tests/unit/http/transcript.h"

namespace vsaproxy::http {

using base::ErrorKind;

namespace {

constexpr std::string_view get = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

// A codec that has read one whole request.
std::unique_ptr<H1ServerCodec> after(std::string_view request) {
  auto codec = std::make_unique<H1ServerCodec>(HeadLimits{});
  REQUIRE(run(*codec, request, request.size(), Until::first_message).messages == 1);
  return codec;
}

ResponseHead answer(BodyFraming body) {
  ResponseHead head;
  head.status = 200;
  head.reason = "OK";
  head.body = body;
  return head;
}

std::string text(const EncodedData& data) {
  std::string out;
  for (const std::string_view part : data) out += part;
  return out;
}

// What the client sees of an answer with the body "hello".
std::string answered(ServerCodec& codec, BodyFraming body) {
  std::string out;
  codec.encode_head(answer(body), out);
  out += text(codec.encode_data("hello"));
  codec.encode_end(nullptr, out);
  return out;
}

// A codec that has sent a request and read all of `response`.
struct Upstream {
  H1ClientCodec codec{HeadLimits{}};
  Transcript transcript;

  explicit Upstream(std::string_view response, std::string_view method = "GET") {
    codec.start(method);
    std::string out;
    codec.encode_end(nullptr, out);
    transcript = run(codec, response, response.size(), Until::first_message);
  }
};

constexpr BodyFraming five{Framing::length, 5};
constexpr BodyFraming chunked{Framing::chunked, 0};
constexpr BodyFraming until_close{Framing::until_close, 0};

}  // namespace

TEST_CASE("pipelined requests come one after the other, however they are split") {
  const std::string input =
      "POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: x\r\n\r\n" +
      std::string(get) + "PUT /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
  H1ServerCodec codec(HeadLimits{});
  const Transcript whole = run(codec, input, input.size(), Until::end_of_input);
  CHECK_FALSE(whole.error);
  CHECK(whole.messages == 3);
  CHECK(whole.content == "helloabc");
  CHECK(whole.events.find("end\nX-Sum: 1\nGET /a") != std::string::npos);
  CHECK(codec.is_idle());
  for (std::size_t piece = 1; piece < input.size(); ++piece) {
    H1ServerCodec other(HeadLimits{});
    REQUIRE(run(other, input, piece, Until::end_of_input) == whole);
  }
}

TEST_CASE("one empty line may stand before each request, however it arrives") {
  const std::string one = "\r\n" + std::string(get);
  const std::string input = one + one + std::string(get) + one;
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    H1ServerCodec codec(HeadLimits{});
    const Transcript read = run(codec, input, piece, Until::end_of_input);
    CAPTURE(piece);
    REQUIRE_FALSE(read.error);
    REQUIRE(read.messages == 4);
  }
}

TEST_CASE(
    "an empty line that came alone belongs to the request behind it, and no more to the next") {
  H1ServerCodec codec(HeadLimits{});
  const std::string one(get);
  for (const std::string& input : {std::string("\r\n"), one, "\r\n" + one, std::string("\r\n"),
                                   one.substr(0, 9), one.substr(9), one}) {
    CAPTURE(input);
    CHECK_FALSE(run(codec, input, input.size(), Until::end_of_input).error);
  }
  run(codec, "\r\n", 2, Until::end_of_input);
  CHECK(run(codec, "\r\n", 2, Until::end_of_input).error == ErrorKind::bad_request);
}

TEST_CASE("a whole answer behind the beginning of another one is part of that") {
  H1ClientCodec codec(HeadLimits{});
  codec.start("GET");
  run(codec, "HTTP/1.1 200 OK\r\nX: a", 22, Until::end_of_input);
  const std::string_view rest = "HTTP/1.1 204 No\r\nY: b\r\n\r\n";
  run(codec, rest, rest.size(), Until::end_of_input);
  CHECK(codec.head().status == 200);
  CHECK(codec.head().fields.find("x")->value == "aHTTP/1.1 204 No");
}

TEST_CASE("a codec is idle only between requests") {
  H1ServerCodec codec(HeadLimits{});
  CHECK(codec.is_idle());
  run(codec, "GET", 3, Until::end_of_input);
  CHECK_FALSE(codec.is_idle());
  run(codec, " /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na", 100,
      Until::end_of_input);
  CHECK_FALSE(codec.is_idle());
  run(codec, "b", 1, Until::end_of_input);
  CHECK(codec.is_idle());
}

TEST_CASE("after an error a request codec reads nothing more but can answer") {
  H1ServerCodec codec(HeadLimits{});
  CHECK(run(codec, "GET / HTTP/9\r\n\r\n", 100, Until::end_of_input).error ==
        ErrorKind::bad_request);
  CHECK(run(codec, get, 100, Until::end_of_input).error == ErrorKind::bad_request);
  CHECK(codec.wants_close());
  CHECK(answered(codec, five) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
}

TEST_CASE("an answer to an unreadable head does not go by the request before") {
  const auto codec = after("HEAD /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(run(*codec, "bad\r\n\r\n", 100, Until::end_of_input).error == ErrorKind::bad_request);
  CHECK(answered(*codec, five).ends_with("hello"));
}

TEST_CASE("version and Connection decide whether the connection stays") {
  const auto closes = [](const std::string& start, const std::string& fields) {
    return after(start + "\r\nHost: localhost\r\n" + fields + "\r\n")->wants_close();
  };
  CHECK_FALSE(closes("GET / HTTP/1.1", ""));
  CHECK(closes("GET / HTTP/1.1", "Connection: Close\r\n"));
  CHECK(closes("GET / HTTP/1.1", "Connection: keep-alive, close\r\n"));
  CHECK(closes("GET / HTTP/1.0", ""));
  CHECK_FALSE(closes("GET / HTTP/1.0", "Connection: keep-alive\r\n"));
  CHECK(closes("GET http://h/ HTTP/1.0", "Connection: keep-alive\r\n"));
  CHECK_FALSE(closes("GET http://h/ HTTP/1.1", ""));
}

TEST_CASE("an answer says what becomes of the connection") {
  CHECK(answered(*after(get), five) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const auto closing = after(get);
  closing->close_after_answer();
  CHECK(answered(*closing, five) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  const auto old = after("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(answered(*old, five) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
}

TEST_CASE("a body of unknown length is framed for the version of the client") {
  const std::string in_chunks =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  const std::string to_the_end = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";
  CHECK(answered(*after(get), chunked) == in_chunks);
  CHECK(answered(*after(get), until_close) == in_chunks);
  for (const BodyFraming body : {chunked, until_close}) {
    const auto old = after("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(answered(*old, body) == to_the_end);
    CHECK(old->wants_close());
  }
  CHECK(framing_for(Version::http_1_0, five) == five);
  CHECK(framing_for(Version::http_1_1, BodyFraming{}) == BodyFraming{});
}

TEST_CASE("an answer to HEAD announces its body and sends none") {
  const auto codec = after("HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(answered(*codec, five) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(answered(*codec, chunked) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("empty data is no chunk, and data is not copied") {
  const auto codec = after(get);
  std::string out;
  codec->encode_head(answer(chunked), out);
  CHECK(text(codec->encode_data("")).empty());
  const std::string_view data = "hello";
  CHECK(codec->encode_data(data)[1].data() == data.data());
}

TEST_CASE("trailers are written behind a chunked body only") {
  Fields trailers;
  trailers.add("X-Sum", "1");
  for (const auto& [body, expected] :
       {std::pair(chunked, "0\r\nX-Sum: 1\r\n\r\n"), std::pair(five, "")}) {
    const auto codec = after(get);
    std::string out;
    codec->encode_head(answer(body), out);
    out.clear();
    codec->encode_end(&trailers, out);
    CHECK(out == expected);
  }
}

TEST_CASE("interim answers go to HTTP/1.1 clients only") {
  ResponseHead interim;
  interim.status = 100;
  interim.reason = "Continue";
  std::string out;
  after("GET /a HTTP/1.0\r\n\r\n")->encode_head(interim, out);
  CHECK(out.empty());
  const auto codec = after(get);
  codec->close_after_answer();
  codec->encode_head(interim, out);
  CHECK(out == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("a client waits for 100 Continue only if it has a body to send") {
  const std::string expect = "Host: localhost\r\nExpect: 100-Continue\r\n";
  CHECK(after("PUT / HTTP/1.1\r\n" + expect + "Content-Length: 1\r\n\r\nx")->expects_continue());
  CHECK_FALSE(after("PUT / HTTP/1.1\r\n" + expect + "\r\n")->expects_continue());
  CHECK_FALSE(
      after("PUT / HTTP/1.0\r\n" + expect + "Content-Length: 1\r\n\r\nx")->expects_continue());
}

TEST_CASE("a codec that was reset or released serves a new request") {
  const auto codec = after("HEAD /a HTTP/1.0\r\n\r\n");
  codec->reset();
  CHECK_FALSE(codec->wants_close());
  CHECK(run(*codec, get, 100, Until::end_of_input).messages == 1);
  CHECK(codec->head().target == "/a");
  codec->release_memory();
  CHECK(codec->head().target.empty());
  CHECK(codec->is_idle());
  CHECK(run(*codec, get, 100, Until::end_of_input).messages == 1);
}

TEST_CASE("a request is written with its framing") {
  H1ClientCodec codec(HeadLimits{});
  RequestHead head;
  head.method = "POST";
  head.target = "/a";
  head.fields.add("Host", "vsa.example.com");
  head.body = chunked;
  std::string out;
  codec.start(head.method);
  codec.encode_head(head, out);
  out += text(codec.encode_data("hello"));
  codec.encode_end(nullptr, out);
  CHECK(out ==
        "POST /a HTTP/1.1\r\nHost: vsa.example.com\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_CASE("interim answers come before the final one and are bounded") {
  const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
  const std::string last = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::string input;
  for (int i = 0; i < H1ClientCodec::max_interim_heads; ++i) input += interim;
  const Upstream good(input + last);
  CHECK(good.transcript.messages == 1);
  CHECK(good.transcript.events.find("interim 102 Processing") == 0);
  CHECK(good.codec.can_reuse());
  CHECK(Upstream(input + interim + last).transcript.error == ErrorKind::upstream_protocol);
  CHECK(Upstream("HTTP/1.1 101 Switching\r\n\r\n").transcript.error ==
        ErrorKind::upstream_protocol);
}

TEST_CASE("a connection is used again only after an exact end that both sides kept open") {
  const std::string five_bytes = "Content-Length: 5\r\n\r\nhello";
  CHECK(Upstream("HTTP/1.1 200 OK\r\n" + five_bytes).codec.can_reuse());
  CHECK(Upstream("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + five_bytes).codec.can_reuse());
  CHECK(Upstream("HTTP/1.1 204 None\r\n\r\n").codec.can_reuse());
  CHECK_FALSE(Upstream("HTTP/1.0 200 OK\r\n" + five_bytes).codec.can_reuse());
  CHECK_FALSE(Upstream("HTTP/1.1 200 OK\r\nConnection: close\r\n" + five_bytes).codec.can_reuse());
  CHECK_FALSE(Upstream("HTTP/1.1 200 OK\r\n" + five_bytes + "x").codec.can_reuse());
  CHECK_FALSE(Upstream("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell").codec.can_reuse());
}

TEST_CASE("a connection is not used again while its request is unsent") {
  H1ClientCodec codec(HeadLimits{});
  codec.start("POST");
  const std::string_view early = "HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n";
  CHECK(run(codec, early, early.size(), Until::first_message).messages == 1);
  CHECK_FALSE(codec.can_reuse());
  std::string out;
  codec.encode_end(nullptr, out);
  CHECK(codec.can_reuse());
}

TEST_CASE("bytes outside of an answer are refused") {
  H1ClientCodec codec(HeadLimits{});
  std::string_view stray = "HTTP/1.1 200 OK\r\n\r\n";
  CHECK(codec.next(stray).error().kind == ErrorKind::upstream_protocol);

  Upstream upstream("HTTP/1.1 204 None\r\n\r\n");
  std::string_view late = "x";
  CHECK(upstream.codec.next(late).error().kind == ErrorKind::upstream_protocol);
  CHECK_FALSE(upstream.codec.can_reuse());
}

TEST_CASE("what is left of a body with a length may pass by, and the rest is read as ever") {
  H1ClientCodec codec(HeadLimits{});
  codec.start("GET");
  CHECK(codec.plain_left() == 0);
  std::string_view input = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  CHECK(codec.next(input)->kind == Event::Kind::head);
  CHECK(codec.plain_left() == 10);
  codec.skip_plain(7);
  CHECK(codec.plain_left() == 3);
  CHECK_FALSE(codec.can_reuse());
  std::string_view rest = "789";
  CHECK(codec.next(rest)->data == "789");
  CHECK(codec.plain_left() == 0);
  CHECK(codec.next(rest)->kind == Event::Kind::end);

  for (const char* framed : {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
                             "HTTP/1.1 200 OK\r\n\r\nhello"}) {
    CHECK(Upstream(framed).codec.plain_left() == 0);
  }
}

TEST_CASE("a body goes out as it is only with a length, or as the last one") {
  const auto writes_plain = [](const char* request, BodyFraming framing) {
    H1ServerCodec codec(HeadLimits{});
    std::string_view input = request;
    REQUIRE(codec.next(input));
    ResponseHead head;
    head.status = 200;
    head.body = framing;
    std::string out;
    codec.encode_head(head, out);
    return codec.writes_plain();
  };
  const char* get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(writes_plain(get, {Framing::length, 5}));
  CHECK(writes_plain("GET / HTTP/1.0\r\nHost: a\r\n\r\n", {Framing::until_close, 0}));
  CHECK_FALSE(writes_plain(get, {Framing::chunked, 0}));
  CHECK_FALSE(writes_plain(get, {Framing::none, 0}));
  CHECK_FALSE(writes_plain("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", {Framing::length, 5}));
}

TEST_CASE("a close ends an answer only where nothing else does") {
  Upstream open("HTTP/1.1 200 OK\r\n\r\nhello");
  CHECK(open.transcript.content == "hello");
  const auto end = open.codec.end_of_input();
  REQUIRE(end);
  CHECK(end->kind == Event::Kind::end);
  CHECK_FALSE(open.codec.can_reuse());

  for (const char* cut : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                          "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 100 Continue\r\n\r\n", ""}) {
    CAPTURE(cut);
    Upstream upstream(cut);
    CHECK(upstream.codec.end_of_input().error().kind == ErrorKind::upstream_closed);
    CHECK_FALSE(upstream.codec.can_reuse());
  }
}

TEST_CASE("a codec knows whether any byte of the answer came") {
  H1ClientCodec codec(HeadLimits{});
  codec.start("GET");
  std::string_view nothing;
  CHECK(codec.next(nothing)->kind == Event::Kind::need_input);
  CHECK_FALSE(codec.saw_any_byte());
  std::string_view byte = "H";
  CHECK(codec.next(byte)->kind == Event::Kind::need_input);
  CHECK(codec.saw_any_byte());
  codec.reset();
  codec.start("GET");
  CHECK_FALSE(codec.saw_any_byte());
}

TEST_CASE("an answer to HEAD has no body, whatever it announces") {
  const Upstream upstream("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "HEAD");
  CHECK(upstream.transcript.messages == 1);
  CHECK(upstream.codec.can_reuse());
}

TEST_CASE("one connection carries many exchanges") {
  H1ClientCodec codec(HeadLimits{});
  for (int i = 0; i < 3; ++i) {
    codec.start("GET");
    std::string out;
    codec.encode_end(nullptr, out);
    const std::string_view input =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n";
    CHECK(run(codec, input, 3, Until::first_message).content == "hi");
    CHECK(codec.trailers().has("X-Sum"));
    CHECK(codec.can_reuse());
    codec.release_memory();
  }
}

}  // namespace vsaproxy::http
