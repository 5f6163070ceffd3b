#include "proxy/auth/utf8.h"

#include <string>

namespace vsaproxy::auth {
namespace {

// The values that a sequence of `length` bytes may have: less would be overlong.
constexpr char32_t smallest(std::size_t length) {
  return length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
}

constexpr std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

void append_encoded(char32_t value, std::string_view bytes, TextEncoding encoding,
                    std::string& out) {
  if (value < 0x80 || encoding == TextEncoding::utf_8) {
    out.append(bytes);
  } else if (encoding == TextEncoding::latin_1) {
    out.push_back(static_cast<char>(value));
  } else {
    out.append(value > 0xFFFF ? 2 : 1, '?');
  }
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = sequence_length(lead);
  if (length == 1) return {lead, 1};
  if (length == 0 || text.size() < length) return {};
  char32_t value = lead & (0x7Fu >> length);
  for (const char c : text.substr(1, length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0u) != 0x80u) return {};
    value = (value << 6) | (byte & 0x3Fu);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest(length) || value > 0x10FFFF || surrogate) return {};
  return {value, length};
}

base::Result<base::Secret> encode_text(std::string_view text, TextEncoding encoding,
                                       std::string_view what) {
  std::string encoded;
  encoded.reserve(text.size());  // no encoding is longer: nothing secret is left behind by growth
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const bool missing = encoding == TextEncoding::latin_1 && point.value > 0xFF;
    if (point.length == 0 || missing) {
      base::wipe(encoded);
      return base::fail(base::ErrorKind::configuration,
                        missing ? fmt::format("the {} has a character that latin-1 lacks: use "
                                              "encoding: utf-8",
                                              what)
                                : fmt::format("the {} is not UTF-8: write it as UTF-8, whatever "
                                              "encoding the server wants",
                                              what));
    }
    append_encoded(point.value, text.substr(0, point.length), encoding, encoded);
    text.remove_prefix(point.length);
  }
  return base::Secret::take(std::move(encoded));
}

}  // namespace vsaproxy::auth
