#include "proxy/http/head_parser.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/target.h"

namespace vsaproxy::http {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view line_end = "\r\n";
constexpr std::size_t reason_place = std::string_view("HTTP/1.1 200 ").size();

constexpr auto token_table = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

// RFC 9110, 5.5: visible characters, obs-text, space and tab.
constexpr auto value_table = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) table[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
  return table;
}();

// A target is visible ASCII; a fragment never is part of it (RFC 9112, 3.2).
constexpr auto target_table = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) table[c] = c > 0x20 && c < 0x7f && c != '#';
  return table;
}();

// Where the first control character stands that is no tab, or the end: eight bytes at a time, as
// most bytes of a head are those of values.
inline std::size_t end_of_value(std::string_view text, std::size_t begin) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = 0x80 * ones;
  std::size_t i = begin;
  for (std::uint64_t word = 0; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    const std::uint64_t del = word ^ (0x7f * ones);
    const std::uint64_t hits = (((word - 0x20 * ones) & ~word) | ((del - ones) & ~del)) & highs;
    if (hits == 0) continue;
    // A borrow may mark bytes behind the first hit, never one before it.
    if constexpr (std::endian::native == std::endian::little) {
      i += static_cast<std::size_t>(std::countr_zero(hits)) / 8;
    }
    break;
  }
  while (i < text.size() && value_table[static_cast<unsigned char>(text[i])]) ++i;
  return i;
}

bool all_in(const std::array<bool, 256>& table, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

// Whose lines are read: a server may be forgiven what a client may not (RFC 9112, 5.1 and 5.2).
enum class Strictness { request, response };

// Gives the lines of a section one by one. A CR may stand alone within a line, and is refused by
// the tables.
class Lines {
 public:
  explicit Lines(std::string_view bytes) : rest_(bytes) {}

  Result<std::string_view> next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {
      return fail(ErrorKind::bad_request, "a line of the head does not end");
    }
    if (end == 0 || rest_[end - 1] != '\r') {
      return fail(ErrorKind::bad_request, "a line ends with LF alone");
    }
    const std::string_view line = rest_.substr(0, end - 1);
    rest_.remove_prefix(end + 1);
    return line;
  }
  // Takes a field's line from the front and is true, if it is one of the usual kind: nothing about
  // it is wrong or needs a second look. A folded one does, as the first byte behind it tells.
  bool take_plain_field(Fields& out) {
    const char* const text = rest_.data();
    const std::size_t size = rest_.size();
    std::size_t colon = 0;
    while (colon < size && token_table[static_cast<unsigned char>(text[colon])]) ++colon;
    const std::size_t begin = colon + 2;
    if (colon == 0 || begin >= size || text[colon] != ':' || text[colon + 1] != ' ') return false;
    const std::size_t end = end_of_value(rest_, begin);
    if (end + 2 >= size || text[end] != '\r' || text[end + 1] != '\n') return false;
    const bool needs_trim = end == begin || is_space(text[begin]) || is_space(text[end - 1]);
    if (needs_trim || is_space(text[end + 2])) return false;
    out.add_kept({{text, colon}, {text + begin, end - begin}, true});
    rest_.remove_prefix(end + 2);
    return true;
  }
  // Takes the empty line at the end.
  bool take_end() {
    if (!rest_.starts_with(line_end)) return false;
    rest_.remove_prefix(line_end.size());
    return true;
  }
  std::size_t left() const { return rest_.size(); }
  bool continues_folded() const { return !rest_.empty() && is_space(rest_.front()); }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

Result<Field> parse_field(std::string_view line, Strictness strictness) {
  std::size_t colon = 0;
  while (colon < line.size() && token_table[static_cast<unsigned char>(line[colon])]) ++colon;
  const std::string_view name = line.substr(0, colon);
  if (strictness == Strictness::response) {
    while (colon < line.size() && is_space(line[colon])) ++colon;
  }
  if (name.empty() || colon == line.size() || line[colon] != ':') {
    return fail(ErrorKind::bad_request, line.find(':') == std::string_view::npos
                                            ? "a field line has no colon"
                                            : "a field name is not a token");
  }
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (!all_in(value_table, value)) {
    return fail(ErrorKind::bad_request, "a field value has a control character");
  }
  return Field{name, value};
}

bool is_framing_field(std::string_view name) {
  return base::equals_ignoring_case(name, "Content-Length") ||
         base::equals_ignoring_case(name, "Transfer-Encoding");
}

// Appends the lines that continue `line`, each behind one space.
Result<std::string_view> unfold(std::string_view line, Lines& lines, Fields& out) {
  std::string whole(line);
  while (lines.continues_folded()) {
    const auto more = lines.next();
    if (!more) return fail(more.error());
    whole += ' ';
    whole += base::trim(*more);
  }
  return out.keep(whole);
}

// A field that is not as nearly all are; nothing at the end of the section.
Result<std::optional<Field>> read_field(Lines& lines, Strictness strictness, Fields& out) {
  auto line = lines.next();
  if (!line) return fail(line.error());
  if (line->empty()) return std::nullopt;
  if (is_space(line->front())) {
    return fail(ErrorKind::bad_request, "a field line begins with white space");
  }
  const bool is_folded = lines.continues_folded();
  if (is_folded) {
    if (strictness == Strictness::request) {
      return fail(ErrorKind::bad_request, "a field line is folded");
    }
    line = unfold(*line, lines, out);
    if (!line) return fail(line.error());
  }
  const auto field = parse_field(*line, strictness);
  if (!field) return fail(field.error());
  // Programs read such a one in different ways; RFC 9112, 5.2 lets a proxy refuse it.
  if (is_folded && is_framing_field(field->name)) {
    return fail(ErrorKind::ambiguous_framing, "a framing field is folded");
  }
  return *field;
}

Result<void> parse_fields(Lines& lines, const HeadLimits& limits, Strictness strictness,
                          Fields& out) {
  for (;;) {
    if (out.all().size() > limits.count) {
      return fail(ErrorKind::headers_too_large, "the head has too many fields");
    }
    if (lines.take_plain_field(out)) continue;
    const auto other = read_field(lines, strictness, out);
    if (!other) return fail(other.error());
    if (!*other) break;
    out.add_kept(**other);
  }
  if (!lines.at_end()) return fail(ErrorKind::bad_request, "bytes follow the end of the head");
  return {};
}

Result<Version> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return Version::http_1_1;
  if (text == "HTTP/1.0") return Version::http_1_0;
  return fail(ErrorKind::bad_request, "the version is neither HTTP/1.1 nor HTTP/1.0");
}

Result<void> parse_request_line(std::string_view line, RequestHead& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(ErrorKind::bad_request, "the request line does not have three parts");
  }
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  if (!is_token(out.method)) return fail(ErrorKind::bad_request, "the method is not a token");
  if (out.target.empty() || !all_in(target_table, out.target)) {
    return fail(ErrorKind::bad_request, "the target has a character that it must not have");
  }
  const auto version = parse_version(line.substr(last + 1));
  if (!version) return fail(version.error());
  out.version = *version;
  return {};
}

Result<void> parse_status_line(std::string_view line, ResponseHead& out) {
  const auto version = parse_version(line.substr(0, 8));
  if (!version) return fail(version.error());
  out.version = *version;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // "HTTP/1.1 200", without the space that belongs before an empty reason, is common.
  const bool well_formed = line.size() >= 12 && line[8] == ' ' &&
                           std::all_of(line.begin() + 9, line.begin() + 12, is_digit) &&
                           (line.size() == 12 || line[12] == ' ');
  if (!well_formed) return fail(ErrorKind::bad_request, "the status line is malformed");
  out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (out.status < 100 || out.status > 599) {
    return fail(ErrorKind::bad_request, "the status is not between 100 and 599");
  }
  out.reason = line.size() > reason_place ? line.substr(reason_place) : std::string_view();
  if (!all_in(value_table, out.reason)) {
    return fail(ErrorKind::bad_request, "the reason phrase has a control character");
  }
  return {};
}

// What the framing fields say, if they say one thing only (RFC 9112, 6.1 to 6.3).
Result<BodyFraming> announced_framing(const Fields& fields, Version version) {
  static constexpr NameSet<2> framing({"Content-Length", "Transfer-Encoding"});
  if (!fields.may_have(framing)) return BodyFraming{};
  const Field* length = nullptr;
  const Field* coding = nullptr;
  for (const Field& field : fields.all()) {
    if (!framing.may_have(field.mark)) continue;
    const bool is_length = base::equals_ignoring_case(field.name, "Content-Length");
    const bool is_coding = base::equals_ignoring_case(field.name, "Transfer-Encoding");
    if (!is_length && !is_coding) continue;
    if (length != nullptr || coding != nullptr) {
      return fail(ErrorKind::ambiguous_framing, "there is more than one framing field");
    }
    (is_length ? length : coding) = &field;
  }
  if (coding != nullptr) {
    if (version == Version::http_1_0) {
      return fail(ErrorKind::ambiguous_framing, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (!base::equals_ignoring_case(coding->value, "chunked")) {
      return fail(ErrorKind::ambiguous_framing, "Transfer-Encoding is not exactly chunked");
    }
    return BodyFraming{Framing::chunked, 0};
  }
  if (length == nullptr) return BodyFraming{};
  const auto bytes = parse_content_length(length->value);
  if (!bytes) return fail(bytes.error());
  return BodyFraming{Framing::length, *bytes};
}

Result<void> check_host(const RequestHead& head) {
  const std::size_t hosts = head.fields.count("Host");
  if (hosts > 1 || (hosts == 0 && head.version == Version::http_1_1)) {
    return fail(ErrorKind::bad_request, "there is not exactly one Host field");
  }
  if (hosts == 1 && !is_authority(head.fields.find("Host")->value)) {
    return fail(ErrorKind::bad_request, "the Host field is not a host");
  }
  return {};
}

Result<void> check_size(std::string_view bytes, const HeadLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return fail(ErrorKind::headers_too_large, "the head is too large");
  }
  return {};
}

Result<void> parse_response_lines(std::string_view bytes, const HeadLimits& limits,
                                  ResponseHead& out) {
  if (auto size = check_size(bytes, limits); !size) return size;
  out.clear();
  Lines lines(out.fields.keep(bytes));
  const auto start = lines.next();
  if (!start) return fail(start.error());
  if (auto status = parse_status_line(*start, out); !status) return status;
  return parse_fields(lines, limits, Strictness::response, out.fields);
}

Result<void> check_request(RequestHead& head) {
  const auto framing = announced_framing(head.fields, head.version);
  if (!framing) return fail(framing.error());
  // A tunnel begins right behind the head of a CONNECT (RFC 9110, 9.3.6).
  if (head.method == "CONNECT" && *framing != BodyFraming{} &&
      *framing != BodyFraming{Framing::length, 0}) {
    return fail(ErrorKind::ambiguous_framing, "a CONNECT request has a body");
  }
  head.body = *framing;
  return check_host(head);
}

bool is_without_body(const ResponseHead& head, std::string_view request_method) {
  return request_method == "HEAD" || head.status < 200 || head.status == 204 ||
         head.status == 304 || (request_method == "CONNECT" && head.status < 300);
}

Result<void> frame_response(std::string_view request_method, ResponseHead& head) {
  const auto framing = announced_framing(head.fields, head.version);
  if (!framing) return fail(framing.error());
  if (is_without_body(head, request_method)) {
    head.body = {};
  } else if (framing->kind == Framing::none) {
    head.body = {Framing::until_close, 0};
  } else {
    head.body = *framing;
  }
  return {};
}

// The bytes of a head at the front of the input whose fields are all of the usual kind; the texts
// of `out` are views into them. Empty for another one.
template <class Head, class ParseStart>
std::string_view take_plain_lines(std::string_view input, const HeadLimits& limits, Head& out,
                                  ParseStart parse_start) {
  out.clear();
  const std::string_view allowed = input.substr(0, limits.bytes);
  Lines lines(allowed);
  const auto start = lines.next();
  if (!start || !parse_start(*start, out)) return {};
  while (lines.take_plain_field(out.fields)) {
    if (out.fields.all().size() > limits.count) return {};
  }
  return lines.take_end() ? allowed.substr(0, allowed.size() - lines.left()) : std::string_view();
}

// finish: makes the other texts of `out` views into the bytes that it is given, which are kept.
template <class Head, class ParseStart, class Finish>
bool take_head(std::string_view& input, const HeadLimits& limits, Head& out, ParseStart parse_start,
               Finish finish) {
  if (input.empty()) return false;
  const std::string_view bytes = take_plain_lines(input, limits, out, parse_start);
  if (bytes.empty() || !finish(out.fields.adopt(bytes))) {
    out.clear();  // its views may point into the input
    return false;
  }
  input.remove_prefix(bytes.size());
  return true;
}

tl::unexpected<base::Error> as_upstream_error(base::Error error) {
  error.kind = ErrorKind::upstream_protocol;
  return fail(std::move(error));
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && all_in(token_table, text); }

Result<std::uint64_t> parse_content_length(std::string_view text) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return fail(ErrorKind::ambiguous_framing, "Content-Length is not a number");
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (largest - digit) / 10) {
      return fail(ErrorKind::ambiguous_framing, "Content-Length is too large");
    }
    length = length * 10 + digit;
  }
  if (text.empty()) return fail(ErrorKind::ambiguous_framing, "Content-Length is empty");
  return length;
}

Result<void> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                RequestHead& out) {
  if (auto size = check_size(bytes, limits); !size) return size;
  out.clear();
  Lines lines(out.fields.keep(bytes));
  const auto start = lines.next();
  if (!start) return fail(start.error());
  if (auto line = parse_request_line(*start, out); !line) return line;
  if (auto all = parse_fields(lines, limits, Strictness::request, out.fields); !all) {
    return all;
  }
  return check_request(out);
}

Result<void> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                 std::string_view request_method, ResponseHead& out) {
  const auto lines = parse_response_lines(bytes, limits, out);
  if (!lines) return as_upstream_error(lines.error());
  const auto framed = frame_response(request_method, out);
  if (!framed) return as_upstream_error(framed.error());
  return {};
}

bool take_request_head(std::string_view& input, const HeadLimits& limits, RequestHead& out) {
  return take_head(input, limits, out, parse_request_line, [&](std::string_view kept) {
    out.method = kept.substr(0, out.method.size());
    out.target = kept.substr(out.method.size() + 1, out.target.size());
    return check_request(out).has_value();
  });
}

bool take_response_head(std::string_view& input, const HeadLimits& limits,
                        std::string_view request_method, ResponseHead& out) {
  return take_head(input, limits, out, parse_status_line, [&](std::string_view kept) {
    if (!out.reason.empty()) out.reason = kept.substr(reason_place, out.reason.size());
    return frame_response(request_method, out).has_value();
  });
}

Result<void> parse_trailers(std::string_view bytes, const HeadLimits& limits, Fields& out) {
  if (auto size = check_size(bytes, limits); !size) return size;
  out.clear();
  Lines lines(out.keep(bytes));
  return parse_fields(lines, limits, Strictness::request, out);
}

}  // namespace vsaproxy::http
