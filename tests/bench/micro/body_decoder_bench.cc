#include "proxy/http/body_decoder.h"

#include <catch2/catch.hpp>
#include <string>

#include "proxy/http/serializer.h"

namespace vsaproxy::http {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t body_size = 64 * kib;

std::string chunked_body(std::size_t chunk_size) {
  std::string body;
  const std::string content(chunk_size, 'x');
  for (std::size_t done = 0; done < body_size; done += chunk_size) {
    body.append(ChunkHeader(chunk_size).text()).append(content).append("\r\n");
  }
  append_last_chunk(body, nullptr);
  return body;
}

// The whole body, given in reads of that many bytes; returns the size of its content.
std::size_t decode(BodyDecoder& decoder, std::string_view body, std::size_t read_size) {
  decoder.start({Framing::chunked, 0});
  std::size_t size = 0;
  while (!body.empty()) {
    const auto decoded = decoder.decode(body.substr(0, read_size));
    if (!decoded) return 0;
    size += decoded->data.size();
    body.remove_prefix(decoded->consumed);
  }
  return decoder.is_finished() ? size : 0;
}

}  // namespace

TEST_CASE("taking the chunks off 64 KiB", "[body_decoder]") {
  const std::string small = chunked_body(kib);
  const std::string large = chunked_body(16 * kib);
  BodyDecoder decoder(BodyDecoder::Sender::upstream, HeadLimits{});
  for (const std::size_t read_size : {1500, 65536}) {
    REQUIRE(decode(decoder, small, read_size) == body_size);
    REQUIRE(decode(decoder, large, read_size) == body_size);
  }
  BENCHMARK("chunks of 1 KiB, reads of 64 KiB") { return decode(decoder, small, 65536); };
  BENCHMARK("chunks of 1 KiB, reads of 1500 bytes") { return decode(decoder, small, 1500); };
  BENCHMARK("chunks of 16 KiB, reads of 64 KiB") { return decode(decoder, large, 65536); };
  BENCHMARK("chunks of 16 KiB, reads of 1500 bytes") { return decode(decoder, large, 1500); };
}

}  // namespace vsaproxy::http
