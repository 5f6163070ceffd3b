// Bodies: any split of the input gives the same content, trailers and verdict. The first byte
// chooses the framing, the second the split.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/body_decoder.h"
#include "tests/fuzz/check.h"
#include "tests/unit/http/transcript.h"

namespace vsaproxy::http {

namespace {

using fuzz::check;

struct Outcome {
  std::string content;
  std::string trailers;
  std::size_t used = 0;
  bool finished = false;
  bool failed = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decode(BodyFraming framing, std::string_view input, std::size_t piece) {
  BodyDecoder decoder(BodyDecoder::Sender::client, HeadLimits{});
  decoder.start(framing);
  Outcome outcome;
  while (!decoder.is_finished() && outcome.used < input.size()) {
    const std::string_view part = input.substr(outcome.used, piece);
    const auto decoded = decoder.decode(part);
    if (!decoded) {
      outcome.failed = true;
      outcome.used = 0;
      return outcome;
    }
    check(decoded->consumed <= part.size() && decoded->consumed > 0, "decoding makes progress");
    check(decoded->data.empty() ||
              (decoded->data.data() >= part.data() &&
               decoded->data.data() + decoded->data.size() <= part.data() + decoded->consumed),
          "data lies in what was consumed");
    outcome.content += decoded->data;
    outcome.used += decoded->consumed;
  }
  outcome.finished = decoder.is_finished();
  describe(outcome.trailers, decoder.trailers());
  return outcome;
}

BodyFraming framing_of(std::uint8_t choice) {
  switch (choice) {
    case 'L':
      return {Framing::length, 5};
    case 'U':
      return {Framing::until_close, 0};
    case 'N':
      return {};
    default:
      return {Framing::chunked, 0};
  }
}

}  // namespace

}  // namespace vsaproxy::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsaproxy::http;
  if (size < 2) return 0;
  const BodyFraming framing = framing_of(data[0]);
  const std::size_t piece = std::size_t{1} + data[1];
  // A CR that stands alone is told when its line is read or when its head is, by how the input was
  // split. So each head comes to its end.
  const std::string input =
      std::string(reinterpret_cast<const char*>(data) + 2, size - 2) + "\r\n\r\n";
  const Outcome whole = decode(framing, input, std::max<std::size_t>(input.size(), 1));
  vsaproxy::fuzz::check(decode(framing, input, piece) == whole, "a split changes nothing");
  vsaproxy::fuzz::check(decode(framing, input, 1) == whole, "single bytes change nothing");
  return 0;
}
