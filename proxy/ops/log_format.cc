#include "proxy/ops/log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>

#include "proxy/auth/utf8.h"

namespace vsaproxy::ops {
namespace {

using settings::LogFormat;
using settings::QueryLogging;

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

// What steers a terminal or turns the reading direction, beyond ASCII.
bool is_steering(char32_t c) {
  return (c >= 0x80 && c < 0xA0) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

constexpr bool is_plain_ascii(char c) { return c >= ' ' && c < '\x7F' && c != '"' && c != '\\'; }

void append_ascii_escape(char c, LogFormat format, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out),
                     fmt::runtime(format == LogFormat::json ? "\\u{:04x}" : "\\x{:02x}"),
                     static_cast<unsigned char>(c));
  }
}

// Appends the escaped front of the text and returns its length.
std::size_t append_front(std::string_view text, LogFormat format, std::string& out) {
  const char c = text.front();
  if (static_cast<unsigned char>(c) < 0x80) {
    if (is_plain_ascii(c)) {
      out.push_back(c);
    } else {
      append_ascii_escape(c, format, out);
    }
    return 1;
  }
  const auth::CodePoint point = auth::decode_utf8(text);
  if (point.length == 0) {
    if (format == LogFormat::json) {
      out += "\\ufffd";
    } else {
      append_ascii_escape(c, format, out);
    }
    return 1;
  }
  if (is_steering(point.value)) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(point.value));
  } else {
    out.append(text.substr(0, point.length));
  }
  return point.length;
}

void append_escaped(std::string_view text, LogFormat format, std::string& out) {
  while (!text.empty()) {
    const auto plain = std::find_if_not(text.begin(), text.end(), is_plain_ascii);
    out.append(text.begin(), plain);
    text.remove_prefix(static_cast<std::size_t>(plain - text.begin()));
    if (!text.empty()) text.remove_prefix(append_front(text, format, out));
  }
}

// Plain, and no space.
constexpr auto bare_table = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = '!'; c < 0x7f; ++c) table[c] = is_plain_ascii(static_cast<char>(c));
  return table;
}();

bool is_bare(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return bare_table[static_cast<unsigned char>(c)]; });
}

// Numbers and what stands between them, put together here: each append to a string costs as much.
class Digits {
 public:
  void put(char c) { text_[size_++] = c; }
  // The last digits of the value, with zeros in front.
  void put_digits(std::uint64_t value, std::size_t digits) {
    for (std::size_t i = digits; i > 0; --i, value /= 10) {
      text_[size_ + i - 1] = static_cast<char>('0' + value % 10);
    }
    size_ += digits;
  }
  void put_number(std::uint64_t value) {
    const auto end = std::to_chars(text_.data() + size_, text_.data() + text_.size(), value).ptr;
    size_ = static_cast<std::size_t>(end - text_.data());
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 40> text_;  // a timestamp, or a number of 20 digits with a fraction
  std::size_t size_ = 0;
};

// The members of a line, one after the other, in either format. Keys are our own plain words.
class LineWriter {
 public:
  LineWriter(LogFormat format, std::string& out) : format_(format), out_(out) {}

  void text(std::string_view key, std::string_view value) {
    name(key);
    if (format_ == LogFormat::json) {
      append_json_text(value, out_);
    } else {
      append_text_value(value, out_);
    }
  }

  // The path and what is shown of the query as one value.
  void target(std::string_view path, std::string_view query, QueryLogging shown) {
    if (query.empty() || shown == QueryLogging::drop) return text("path", path);
    name("path");
    const bool bare = format_ == LogFormat::text && is_bare(path) && is_bare(query);
    if (!bare) out_.push_back('"');
    append_escaped(path, format_, out_);
    out_.push_back('?');
    if (shown == QueryLogging::full) {
      append_escaped(query, format_, out_);
    } else {
      names(query);
    }
    if (!bare) out_.push_back('"');
  }

  void number(std::string_view key, std::uint64_t value) {
    name(key);
    Digits digits;
    digits.put_number(value);
    out_.append(digits.text());
  }

  void milliseconds(std::string_view key, std::chrono::microseconds value) {
    name(key);
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
    Digits digits;
    digits.put_number(count / 1000);
    digits.put('.');
    digits.put_digits(count % 1000, 3);
    out_.append(digits.text());
  }

  void flag(std::string_view key, bool value) {
    name(key);
    out_.append(value ? std::string_view("true") : std::string_view("false"));
  }

 private:
  // Each name without its value; what has no value is a name ("?WSDL").
  void names(std::string_view query) {
    while (true) {
      const std::size_t end = std::min(query.find('&'), query.size());
      const std::string_view parameter = query.substr(0, end);
      append_escaped(parameter.substr(0, parameter.find('=')), format_, out_);
      if (end == query.size()) return;
      out_.push_back('&');
      query.remove_prefix(end + 1);
    }
  }

  void name(std::string_view key) {
    const bool is_json = format_ == LogFormat::json;
    const std::size_t begin = out_.size();
    out_.resize(begin + key.size() + (is_json ? 4 : 2));
    char* end = out_.data() + begin;
    *end++ = is_json ? ',' : ' ';
    if (is_json) *end++ = '"';
    end = std::copy(key.begin(), key.end(), end);
    if (is_json) *end++ = '"';
    *end = is_json ? ':' : '=';
  }

  LogFormat format_;
  std::string& out_;
};

}  // namespace

void append_timestamp(base::WallTime at, std::string& out) {
  using namespace std::chrono;
  const auto whole = floor<std::chrono::milliseconds>(at);
  const auto day = floor<days>(whole);
  const year_month_day date(day);
  const hh_mm_ss time(whole - day);
  Digits digits;
  const auto put = [&digits](auto value, std::size_t count, char after) {
    digits.put_digits(static_cast<std::uint64_t>(value), count);
    digits.put(after);
  };
  put(static_cast<int>(date.year()), 4, '-');
  put(static_cast<unsigned>(date.month()), 2, '-');
  put(static_cast<unsigned>(date.day()), 2, 'T');
  put(time.hours().count(), 2, ':');
  put(time.minutes().count(), 2, ':');
  put(time.seconds().count(), 2, '.');
  put(time.subseconds().count(), 3, 'Z');
  out.append(digits.text());
}

void append_text_value(std::string_view value, std::string& out) {
  if (value.empty()) {
    out.push_back('-');
    return;
  }
  if (value != "-" && is_bare(value)) {
    out.append(value);
    return;
  }
  out.push_back('"');
  append_escaped(value, LogFormat::text, out);
  out.push_back('"');
}

void append_json_text(std::string_view value, std::string& out) {
  out.push_back('"');
  append_escaped(value, LogFormat::json, out);
  out.push_back('"');
}

void append_log_line(base::WallTime at, LogLevel level, std::string_view message,
                     std::span<const LogField> fields, LogFormat format, std::string& out) {
  if (format == LogFormat::json) {
    out += "{\"ts\":\"";
    append_timestamp(at, out);
    out += "\",\"level\":\"";
    out += level_name(level);
    out += "\",\"message\":";
    append_json_text(message, out);
  } else {
    append_timestamp(at, out);
    fmt::format_to(std::back_inserter(out), " {:<5} ", level_name(level));
    append_escaped(message, LogFormat::text, out);
  }
  LineWriter line(format, out);
  for (const auto& [key, value] : fields) line.text(key, value);
  out += format == LogFormat::json ? "}\n" : "\n";
}

void append_access_line(const AccessRecord& record, LogFormat format, QueryLogging query,
                        std::string& out) {
  if (format == LogFormat::json) out += "{\"ts\":\"";
  append_timestamp(record.at, out);
  out += format == LogFormat::json ? "\"" : " access";
  LineWriter line(format, out);
  line.text("id", record.id);
  line.text("listener", record.listener);
  line.text("client", record.client);
  line.text("key", record.key);
  line.text("method", record.method);
  line.target(record.path, record.query, query);
  line.text("route", record.route);
  line.text("upstream", record.upstream);
  line.number("status", static_cast<std::uint64_t>(record.status));
  line.text("error", record.error);
  line.number("bytes_in", record.bytes_in);
  line.number("bytes_out", record.bytes_out);
  line.milliseconds("ms_total", record.total);
  line.milliseconds("ms_upstream", record.upstream_time);
  line.milliseconds("ms_login_wait", record.login_wait);
  line.flag("replayed", record.replayed);
  line.flag("reused", record.reused);
  line.text("session", record.session);
  out += format == LogFormat::json ? "}\n" : "\n";
}

}  // namespace vsaproxy::ops
