// Whole messages through both codecs: any split of the input gives the same events, and a request
// that is passed on is the same request. The first byte chooses the side, the second the split.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/h1_codec.h"
#include "tests/fuzz/check.h"
#include "tests/unit/http/transcript.h"

namespace vsaproxy::http {

namespace {

using fuzz::check;

constexpr HeadLimits limits{};
// A head that is passed on may have grown by its framing and Host.
constexpr HeadLimits wide{2 * limits.bytes, limits.count + 2};

Transcript read_requests(std::string_view input, std::size_t piece) {
  H1ServerCodec codec(limits);
  return run(codec, input, piece, Until::end_of_input);
}

Transcript read_answer(std::string_view method, std::string_view input, std::size_t piece) {
  H1ClientCodec codec(limits);
  codec.start(method);
  return run(codec, input, piece, Until::first_message);
}

void append(std::string& out, const EncodedData& data) {
  for (const std::string_view part : data) out += part;
}

// The first request of the input, as the client codec writes it, read again.
void pass_on(std::string_view input) {
  H1ServerCodec from(limits);
  const Transcript first = run(from, input, input.size(), Until::first_message);
  if (first.messages == 0) return;
  if (!from.head().fields.has("Host")) from.head().fields.add("Host", "localhost");
  H1ClientCodec to(limits);
  std::string written;
  to.start(from.head().method);
  to.encode_head(from.head(), written);
  const std::string_view content = first.content;
  const std::size_t half = content.size() / 2;
  append(written, to.encode_data(content.substr(0, half)));
  append(written, to.encode_data(content.substr(half)));
  to.encode_end(&from.trailers(), written);

  H1ServerCodec again(wide);
  const Transcript second = run(again, written, written.size(), Until::first_message);
  check(second.messages == 1 && second.rest.empty(), "what is passed on is one whole request");
  check(second.content == first.content, "what is passed on has the same body");
  check(again.head().method == from.head().method && again.head().target == from.head().target &&
            again.head().body == from.head().body,
        "what is passed on is the same request");
}

// The final answer of the input, as the server codec writes it for a GET.
void pass_back(std::string_view input) {
  H1ClientCodec from(limits);
  from.start("GET");
  Transcript first = run(from, input, std::max<std::size_t>(input.size(), 1), Until::first_message);
  if (first.error) return;
  if (first.messages == 0 && !from.end_of_input()) return;
  H1ServerCodec to(limits);
  std::string_view request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  check(to.next(request)->kind == Event::Kind::head, "the request is read");
  std::string written;
  to.encode_head(from.head(), written);
  append(written, to.encode_data(first.content));
  to.encode_end(&from.trailers(), written);

  H1ClientCodec again(wide);
  again.start("GET");
  const Transcript second = run(again, written, written.size(), Until::first_message);
  check(second.messages == 1 && second.rest.empty(), "what is passed back is one whole answer");
  check(second.content == first.content, "what is passed back has the same body");
  check(again.head().status == from.head().status, "what is passed back has the same status");
}

}  // namespace

}  // namespace vsaproxy::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsaproxy::http;
  using vsaproxy::fuzz::check;
  if (size < 2) return 0;
  const std::size_t piece = std::size_t{1} + data[1];
  // A CR that stands alone is told when its line is read or when its head is, by how the input was
  // split. So each head comes to its end.
  const std::string input =
      std::string(reinterpret_cast<const char*>(data) + 2, size - 2) + "\r\n\r\n";
  const std::size_t all = std::max<std::size_t>(input.size(), 1);
  if (data[0] == 'Q') {
    const Transcript whole = read_requests(input, all);
    check(read_requests(input, piece) == whole, "a split of requests changes nothing");
    check(read_requests(input, 1) == whole, "single bytes of requests change nothing");
    pass_on(input);
    return 0;
  }
  const std::string_view method = data[0] == 'H' ? "HEAD" : "GET";
  const Transcript whole = read_answer(method, input, all);
  check(read_answer(method, input, piece) == whole, "a split of an answer changes nothing");
  check(read_answer(method, input, 1) == whole, "single bytes of an answer change nothing");
  pass_back(input);
  return 0;
}
