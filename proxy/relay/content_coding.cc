#include "proxy/relay/content_coding.h"

#include <zlib.h>

#include <memory>

#include "proxy/base/text.h"

namespace vsaproxy::relay {
namespace {

constexpr int gzip_window = MAX_WBITS + 16;
constexpr int zlib_window = MAX_WBITS;
constexpr int raw_window = -MAX_WBITS;

std::optional<std::string> inflate_all(std::string_view body, int window, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK) return std::nullopt;
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> owner(&stream, &inflateEnd);
  std::string out(limit, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (inflate(&stream, Z_FINISH) != Z_STREAM_END || stream.avail_in != 0) return std::nullopt;
  out.resize(stream.total_out);
  return out;
}

bool is(std::string_view coding, std::string_view name) {
  return base::equals_ignoring_case(coding, name);
}

}  // namespace

bool is_readable_coding(std::string_view coding) {
  return coding.empty() || is(coding, "identity") || is(coding, "gzip") || is(coding, "x-gzip") ||
         is(coding, "deflate");
}

std::optional<std::string> decode(std::string_view coding, std::string_view body,
                                  std::size_t limit) {
  if (is(coding, "gzip") || is(coding, "x-gzip")) return inflate_all(body, gzip_window, limit);
  if (is(coding, "deflate")) {
    auto wrapped = inflate_all(body, zlib_window, limit);
    return wrapped ? wrapped : inflate_all(body, raw_window, limit);
  }
  if (body.size() > limit) return std::nullopt;
  return std::string(body);
}

}  // namespace vsaproxy::relay
