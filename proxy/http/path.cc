#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/raw_path.h"
#include "proxy/http/target.h"

namespace vsaproxy::http {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

tl::unexpected<base::Error> refuse(std::string_view detail) {
  return fail(ErrorKind::bad_path, std::string(detail));
}

// The value of a hex digit, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

// The value of two hex digits at `index`, or -1.
int escape_value(std::string_view path, std::size_t index) {
  if (index + 2 > path.size()) return -1;
  const int high = hex_value(path[index]);
  const int low = hex_value(path[index + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Whether two hex digits, themselves escaped or not, stand at `index`: behind "%25" they would make
// an escape for whoever decodes twice.
bool hex_digits_follow(std::string_view path, std::size_t index) {
  for (int digit = 0; digit < 2; ++digit) {
    if (index >= path.size()) return false;
    const bool is_escape = path[index] == '%';
    const int value = is_escape ? escape_value(path, index + 1) : path[index];
    if (value < 0 || hex_value(static_cast<char>(value)) < 0) return false;
    index += is_escape ? 3 : 1;
  }
  return true;
}

// How many bytes a well-formed UTF-8 sequence has at the front of the text, or 0 (RFC 3629, 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  unsigned char low = 0x80, high = 0xbf;
  if (first == 0xe0) low = 0xa0;   // overlong
  if (first == 0xed) high = 0x9f;  // surrogates
  if (first == 0xf0) low = 0x90;   // overlong
  if (first == 0xf4) high = 0x8f;  // above U+10FFFF
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// ASP.NET's session in the path, "(S(...))": taken out of the path before it is mapped.
bool is_cookieless_session(std::string_view segment) {
  return segment.size() >= 5 && segment[0] == '(' && segment[2] == '(' &&
         segment.substr(segment.size() - 2) == "))";
}

// A decoded segment between two slashes, escaped ones too.
Result<void> check_segment(std::string_view segment) {
  // Some servers take parameters off a segment before they look for dots.
  const std::string_view name = segment.substr(0, segment.find(';'));
  if (name == "." || name == "..") return refuse("the path has a dot segment");
  if (!segment.empty() && (segment.back() == '.' || segment.back() == ' ')) {
    return refuse("a segment of the path ends with a dot or a space");
  }
  if (is_cookieless_session(segment)) return refuse("the path has a cookieless session segment");
  return {};
}

Result<void> check_segments(std::string_view decoded) {
  while (!decoded.empty()) {
    decoded.remove_prefix(1);
    const std::size_t end = std::min(decoded.find('/'), decoded.size());
    std::string_view segment = decoded.substr(0, end);
    decoded.remove_prefix(end);
    // Only an escaped slash that was let through leaves an escape in decoded text.
    for (;;) {
      const std::size_t slash = std::min(segment.find(escaped_slash), segment.size());
      if (auto checked = check_segment(segment.substr(0, slash)); !checked) return checked;
      if (slash == segment.size()) break;
      segment.remove_prefix(slash + escaped_slash.size());
    }
  }
  return {};
}

// Decodes the escape whose "%" stands before `index`.
Result<void> decode_escape(std::string_view path, std::size_t index, PathOptions options,
                           std::string& decoded) {
  const int value = escape_value(path, index);
  if (value < 0) return refuse("the path has an invalid escape");
  if (value == '/') {
    if (!options.raw_paths) return refuse("the path has an escaped slash");
    decoded += escaped_slash;
    return {};
  }
  if (value == '\\') return refuse("the path has an escaped backslash");
  if (is_control(static_cast<unsigned char>(value))) {
    return refuse("the path has an escaped control character");
  }
  if (value == '%' && hex_digits_follow(path, index + 2)) {
    return refuse("the path is escaped twice");
  }
  if (value == ';' && options.has_rules) return refuse("the path has an escaped semicolon");
  decoded += static_cast<char>(value);
  return {};
}

// What stands for itself and needs no second look: most of every path.
constexpr auto plain_table = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) table[c] = true;
  for (const char c : std::string_view("/%\\#?;")) table[static_cast<unsigned char>(c)] = false;
  return table;
}();

// Without what may begin a cookieless session.
constexpr auto simple_table = [] {
  auto table = plain_table;
  table['('] = false;
  return table;
}();

std::string_view plain_run(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(),
                                [](char c) { return !plain_table[static_cast<unsigned char>(c)]; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

Result<void> check_plain(char c, PathOptions options) {
  if (c == '\\') return refuse("the path has a backslash");
  if (c == '#' || c == '?') return refuse("the path has a character that ends it");
  if (c == ';' && options.has_rules) return refuse("the path has a semicolon");
  const auto byte = static_cast<unsigned char>(c);
  if (is_control(byte) || c == ' ' || byte >= 0x80) {
    return refuse("the path has a character that must be escaped");
  }
  return {};
}

// A path that is sent and matched as it came, as most are: no escape, no run of slashes, no segment
// that check_segment() could refuse.
bool is_simple(std::string_view path) {
  char previous = '\0';
  for (const char c : path) {
    if (c == '/' ? previous == '/' || previous == '.'
                 : !simple_table[static_cast<unsigned char>(c)]) {
      return false;
    }
    previous = c;
  }
  return previous != '.';
}

}  // namespace

Result<void> normalize_path(std::string_view path, PathOptions options, NormalizedPath& out) {
  if (path.starts_with('/') && is_simple(path)) {
    out.sent.assign(path);
    out.decoded.assign(path);
    return {};
  }
  out.sent.clear();
  out.decoded.clear();
  if (path.empty() || path.front() != '/') return refuse("the path does not begin with a slash");
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view plain = plain_run(path.substr(i));
    out.sent.append(plain);
    out.decoded.append(plain);
    i += plain.size();
    if (i == path.size()) break;
    const char c = path[i];
    if (c == '/' && !out.sent.empty() && out.sent.back() == '/') continue;
    out.sent += c;
    if (c != '%') {
      if (auto checked = check_plain(c, options); !checked) return checked;
      out.decoded += c;
      continue;
    }
    if (auto escape = decode_escape(path, i + 1, options, out.decoded); !escape) {
      return escape;
    }
    out.sent.append(path.substr(i + 1, 2));
    i += 2;
  }
  const bool has_escapes = path.find('%') != std::string_view::npos;
  if (has_escapes && !is_utf8(out.decoded)) return refuse("the path is not UTF-8");
  return check_segments(out.decoded);
}

Result<NormalizedPath> normalize_path(std::string_view path, PathOptions options) {
  NormalizedPath normalized;
  if (const auto result = normalize_path(path, options, normalized); !result) {
    return fail(result.error());
  }
  return normalized;
}

bool has_escaped_slash(std::string_view decoded) {
  return decoded.find(escaped_slash) != std::string_view::npos;
}

std::string with_slashes(std::string_view decoded) {
  std::string text;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const bool is_escape = decoded.substr(i).starts_with(escaped_slash);
    const char c = is_escape ? '/' : decoded[i];
    if (c != '/' || text.empty() || text.back() != '/') text += c;
    if (is_escape) i += escaped_slash.size() - 1;
  }
  return text;
}

}  // namespace vsaproxy::http
