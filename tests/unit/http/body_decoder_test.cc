#include "proxy/http/body_decoder.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>

namespace vsaproxy::http {

using base::ErrorKind;

namespace {

struct Outcome {
  std::string content;
  std::string trailers;
  std::size_t used = 0;
  bool finished = false;
  std::optional<ErrorKind> error;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decode(BodyFraming framing, std::string_view input, std::size_t piece,
               BodyDecoder::Sender sender = BodyDecoder::Sender::client) {
  BodyDecoder decoder(sender, HeadLimits{});
  decoder.start(framing);
  Outcome outcome;
  while (!outcome.finished && outcome.used < input.size()) {
    std::string_view part = input.substr(outcome.used, piece);
    const auto decoded = decoder.decode(part);
    if (!decoded) {
      outcome.error = decoded.error().kind;
      // How far it looked depends on the split.
      outcome.used = 0;
      return outcome;
    }
    outcome.content += decoded->data;
    outcome.used += decoded->consumed;
    outcome.finished = decoded->finished;
  }
  for (const Field& field : decoder.trailers().all()) {
    outcome.trailers.append(field.name).append("=").append(field.value).append(";");
  }
  return outcome;
}

constexpr BodyFraming chunked{Framing::chunked, 0};

}  // namespace

TEST_CASE("a body with a length ends after it") {
  const Outcome outcome = decode({Framing::length, 5}, "helloNEXT", 100);
  CHECK(outcome.content == "hello");
  CHECK(outcome.used == 5);
  CHECK(outcome.finished);
}

TEST_CASE("a body without content is finished without input") {
  for (const BodyFraming framing : {BodyFraming{}, BodyFraming{Framing::length, 0}}) {
    BodyDecoder decoder(BodyDecoder::Sender::client, HeadLimits{});
    decoder.start(framing);
    CHECK(decoder.is_finished());
    const auto decoded = decoder.decode("NEXT");
    REQUIRE(decoded);
    CHECK(decoded->finished);
    CHECK(decoded->consumed == 0);
  }
}

TEST_CASE("data is a view into the input") {
  BodyDecoder decoder(BodyDecoder::Sender::client, HeadLimits{});
  decoder.start(chunked);
  const std::string_view input = "5\r\nhello\r\n";
  const auto decoded = decoder.decode(input);
  REQUIRE(decoded);
  CHECK(decoded->data.data() == input.data() + 3);
  CHECK(decoded->consumed == 8);
}

TEST_CASE("chunked bodies give the same content however they are split") {
  const std::string input =
      "5\r\nhello\r\n00A;ext=\"x;y\"\r\n0123456789\r\n3 ; a\r\n\r\n0\r\n0\r\nX-Sum: 1\r\nY: "
      "2\r\n\r\nNEXT";
  const Outcome whole = decode(chunked, input, input.size());
  CHECK(whole.content == "hello0123456789\r\n0");
  CHECK(whole.trailers == "X-Sum=1;Y=2;");
  CHECK(whole.used == input.size() - 4);
  REQUIRE(whole.finished);
  for (std::size_t piece = 1; piece < input.size(); ++piece) {
    REQUIRE(decode(chunked, input, piece) == whole);
  }
}

TEST_CASE("malformed chunks are refused however they are split") {
  for (const std::string input :
       {"\r\n", "g\r\n", "+5\r\nhello\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "5\nhello\r\n",
        "5\r\nhello\n0\r\n\r\n", "5\r\nhello!\r\n", "5\r\nhelloXX", "00000000000000005\r\n",
        "8000000000000000\r\n", "5;a\nhello", "5;\x01\r\n", "5;a\rb\r\n", "5 a\r\n", "0\r\n\n",
        "0\r\nX\r\n\r\n", "0\r\nX : 1\r\n\r\n", "0\r\nX: 1\r\n 2\r\n\r\n"}) {
    CAPTURE(input);
    const Outcome whole = decode(chunked, input, input.size());
    CHECK(whole.error == ErrorKind::bad_request);
    for (std::size_t piece = 1; piece < input.size(); ++piece) {
      CHECK(decode(chunked, input, piece) == whole);
    }
    CHECK(decode(chunked, input, 1, BodyDecoder::Sender::upstream).error ==
          ErrorKind::upstream_protocol);
  }
}

TEST_CASE("chunk extensions are bounded, each and together") {
  const auto with_extension = [](std::size_t size) {
    return "1;" + std::string(size - 1, 'e') + "\r\nx\r\n";
  };
  CHECK_FALSE(decode(chunked, with_extension(BodyDecoder::max_extension), 100000).error);
  CHECK(decode(chunked, with_extension(BodyDecoder::max_extension + 1), 100000).error ==
        ErrorKind::bad_request);
  std::string many;
  for (std::size_t i = 0; i < BodyDecoder::max_extensions / BodyDecoder::max_extension; ++i) {
    many += with_extension(BodyDecoder::max_extension);
  }
  CHECK_FALSE(decode(chunked, many, 100000).error);
  CHECK(decode(chunked, many + with_extension(1), 100000).error == ErrorKind::bad_request);
}

TEST_CASE("trailers are bounded, and the kind of the error tells whose they are") {
  std::string input = "0\r\n";
  for (int i = 0; i < 101; ++i) input += "X: v\r\n";
  input += "\r\n";
  CHECK(decode(chunked, input, 100000).error == ErrorKind::headers_too_large);
  CHECK(decode(chunked, input, 100000, BodyDecoder::Sender::upstream).error ==
        ErrorKind::upstream_protocol);
  const std::string endless = "0\r\nX: " + std::string(40000, 'v');
  CHECK(decode(chunked, endless, 1000).error == ErrorKind::headers_too_large);
}

TEST_CASE("only an until-close body may end with the connection") {
  BodyDecoder decoder(BodyDecoder::Sender::upstream, HeadLimits{});
  decoder.start({Framing::until_close, 0});
  REQUIRE(decoder.decode("some")->data == "some");
  CHECK_FALSE(decoder.is_finished());
  CHECK(decoder.finish_at_close());
  CHECK(decoder.is_finished());

  decoder.start({Framing::length, 5});
  REQUIRE(decoder.decode("some")->data == "some");
  CHECK(decoder.finish_at_close().error().kind == ErrorKind::upstream_closed);

  decoder.start(chunked);
  REQUIRE(decoder.decode("1\r\nx\r\n0\r\n")->data == "x");
  CHECK(decoder.finish_at_close().error().kind == ErrorKind::upstream_closed);

  BodyDecoder of_client(BodyDecoder::Sender::client, HeadLimits{});
  of_client.start({Framing::length, 5});
  CHECK(of_client.finish_at_close().error().kind == ErrorKind::client_gone);
}

TEST_CASE("trailers of one body do not show in the next") {
  BodyDecoder decoder(BodyDecoder::Sender::client, HeadLimits{});
  decoder.start(chunked);
  REQUIRE(decoder.decode("0\r\nX: 1\r\n\r\n")->finished);
  REQUIRE(decoder.trailers().has("X"));
  decoder.start({Framing::length, 1});
  CHECK(decoder.trailers().all().empty());
}

}  // namespace vsaproxy::http
