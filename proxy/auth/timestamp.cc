#include "proxy/auth/timestamp.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using std::chrono::sys_seconds;

// Takes a text apart from its front. Once something did not fit, it stays failed.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = next();
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    return value;
  }

  // asctime pads the day with a space.
  int padded_day() {
    if (!rest_.empty() && rest_.front() == ' ') {
      rest_.remove_prefix(1);
      return number(1);
    }
    return number(2);
  }

  unsigned month() {
    constexpr std::array<std::string_view, 12> names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto found = std::find(names.begin(), names.end(), rest_.substr(0, 3));
    if (found == names.end()) return static_cast<unsigned>(fail());
    rest_.remove_prefix(3);
    return static_cast<unsigned>(found - names.begin()) + 1;
  }

  void literal(std::string_view text) {
    if (rest_.substr(0, text.size()) != text) {
      fail();
    } else {
      rest_.remove_prefix(text.size());
    }
  }

  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool skip_digits() {
    const std::size_t end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(end);
    return end > 0;
  }

  int fail() {
    failed_ = true;
    return 0;
  }

  bool is_complete() const { return !failed_ && rest_.empty(); }

 private:
  char next() {
    if (rest_.empty()) return '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  bool failed_ = false;
};

struct Parts {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

std::optional<sys_seconds> assemble(const Parts& parts) {
  using namespace std::chrono;
  const year_month_day date = year(parts.year) / month(parts.month) / day(parts.day);
  // 60: a leap second, which is the next minute's first.
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  return sys_days(date) + hours(parts.hour) + minutes(parts.minute) + seconds(parts.second);
}

void read_time(Reader& reader, Parts& parts) {
  parts.hour = reader.number(2);
  reader.literal(":");
  parts.minute = reader.number(2);
  reader.literal(":");
  parts.second = reader.number(2);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", from the day on.
Parts read_fixed_date(Reader& reader) {
  Parts parts;
  parts.day = static_cast<unsigned>(reader.number(2));
  reader.literal(" ");
  parts.month = reader.month();
  reader.literal(" ");
  parts.year = reader.number(4);
  reader.literal(" ");
  read_time(reader, parts);
  reader.literal(" GMT");
  return parts;
}

// "Sunday, 06-Nov-94 08:49:37 GMT", from the day on.
Parts read_rfc850_date(Reader& reader, sys_seconds now) {
  Parts parts;
  parts.day = static_cast<unsigned>(reader.number(2));
  reader.literal("-");
  parts.month = reader.month();
  reader.literal("-");
  const int two_digits = reader.number(2);
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const int this_year = static_cast<int>(today.year());
  parts.year = this_year - this_year % 100 + two_digits;
  if (parts.year > this_year + 50) parts.year -= 100;
  reader.literal(" ");
  read_time(reader, parts);
  reader.literal(" GMT");
  return parts;
}

// "Sun Nov  6 08:49:37 1994", from the month on.
Parts read_asctime_date(Reader& reader) {
  Parts parts;
  parts.month = reader.month();
  reader.literal(" ");
  parts.day = static_cast<unsigned>(reader.padded_day());
  reader.literal(" ");
  read_time(reader, parts);
  reader.literal(" ");
  parts.year = reader.number(4);
  return parts;
}

}  // namespace

std::optional<sys_seconds> parse_http_date(std::string_view text, sys_seconds now) {
  const std::size_t comma = text.find(", ");
  Parts parts;
  Reader reader(comma == std::string_view::npos ? text : text.substr(comma + 2));
  if (comma == 3) {
    parts = read_fixed_date(reader);
  } else if (comma != std::string_view::npos) {
    parts = read_rfc850_date(reader, now);
  } else {
    if (text.size() < 4 || text[3] != ' ') return std::nullopt;
    reader = Reader(text.substr(4));
    parts = read_asctime_date(reader);
  }
  if (!reader.is_complete()) return std::nullopt;
  return assemble(parts);
}

std::optional<sys_seconds> parse_utc_timestamp(std::string_view text) {
  Reader reader(text);
  Parts parts;
  parts.year = reader.number(4);
  reader.literal("-");
  parts.month = static_cast<unsigned>(reader.number(2));
  reader.literal("-");
  parts.day = static_cast<unsigned>(reader.number(2));
  reader.literal("T");
  read_time(reader, parts);
  if (reader.skip('.') && !reader.skip_digits()) return std::nullopt;
  reader.skip('Z');
  if (!reader.is_complete()) return std::nullopt;
  return assemble(parts);
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, sys_seconds now) {
  constexpr std::size_t most_digits = 9;  // 31 years: nothing overflows
  const std::string_view value = base::trim(text);
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos) {
    return std::chrono::seconds(value.size() > most_digits ? 999'999'999
                                                           : Reader(value).number(value.size()));
  }
  const auto date = parse_http_date(value, now);
  if (!date) return std::nullopt;
  return std::max(*date - now, std::chrono::seconds(0));
}

}  // namespace vsaproxy::auth
