#include "proxy/http/head_parser.h"

#include <algorithm>
#include <array>
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
// Longer heads are rare: their memory is not kept.
constexpr std::size_t largest_kept_buffer = 8 * 1024;

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

bool all_in(const std::array<bool, 256>& table, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool begins_line(char c) { return (c > 0x20 && c < 0x7f) || is_space(c) || c == '\r' || c == '\n'; }

// Whose lines are read: a server may be forgiven what a client may not (RFC 9112, 5.1 and 5.2).
enum class Strictness { request, response };

// Gives the lines of a section one by one. No LF stands alone in it; a CR may, within a line, and
// is refused by the tables.
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

Result<void> parse_fields(Lines& lines, const HeadLimits& limits, Strictness strictness,
                          Fields& out) {
  for (;;) {
    auto line = lines.next();
    if (!line) return fail(line.error());
    if (line->empty()) break;
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
    if (out.all().size() >= limits.count) {
      return fail(ErrorKind::headers_too_large, "the head has too many fields");
    }
    out.add_kept(field->name, field->value);
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
  out.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  if (!all_in(value_table, out.reason)) {
    return fail(ErrorKind::bad_request, "the reason phrase has a control character");
  }
  return {};
}

// What the framing fields say, if they say one thing only (RFC 9112, 6.1 to 6.3).
Result<BodyFraming> announced_framing(const Fields& fields, Version version) {
  const Field* length = nullptr;
  const Field* coding = nullptr;
  for (const Field& field : fields.all()) {
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

bool is_without_body(const ResponseHead& head, std::string_view request_method) {
  return request_method == "HEAD" || head.status < 200 || head.status == 204 ||
         head.status == 304 || (request_method == "CONNECT" && head.status < 300);
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
  const auto framing = announced_framing(out.fields, out.version);
  if (!framing) return fail(framing.error());
  // A tunnel begins right behind the head of a CONNECT (RFC 9110, 9.3.6).
  if (out.method == "CONNECT" && *framing != BodyFraming{} &&
      *framing != BodyFraming{Framing::length, 0}) {
    return fail(ErrorKind::ambiguous_framing, "a CONNECT request has a body");
  }
  out.body = *framing;
  return check_host(out);
}

Result<void> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                 std::string_view request_method, ResponseHead& out) {
  const auto lines = parse_response_lines(bytes, limits, out);
  if (!lines) return as_upstream_error(lines.error());
  const auto framing = announced_framing(out.fields, out.version);
  if (!framing) return as_upstream_error(framing.error());
  if (is_without_body(out, request_method)) {
    out.body = {};
  } else if (framing->kind == Framing::none) {
    out.body = {Framing::until_close, 0};
  } else {
    out.body = *framing;
  }
  return {};
}

Result<void> parse_trailers(std::string_view bytes, const HeadLimits& limits, Fields& out) {
  if (auto size = check_size(bytes, limits); !size) return size;
  out.clear();
  Lines lines(out.keep(bytes));
  return parse_fields(lines, limits, Strictness::request, out);
}

Result<std::optional<std::string_view>> HeadGatherer::gather(std::string_view& input) {
  if (complete_) clear();
  if (!skip_leading(input)) return std::nullopt;
  const std::size_t held = buffer_.size();
  if (held == 0) {
    const auto found = search(input);
    if (!found) return fail(found.error());
    if (*found == Search::found) {
      const std::string_view section = input.substr(0, searched_);
      input.remove_prefix(searched_);
      clear();
      return section;
    }
    buffer_.append(input);
    input = {};
    return std::nullopt;
  }
  buffer_.append(input.substr(0, limits_.bytes - held));
  const auto found = search(buffer_);
  if (!found) return fail(found.error());
  if (*found == Search::more) {
    input = {};
    return std::nullopt;
  }
  input.remove_prefix(searched_ - held);
  buffer_.resize(searched_);
  complete_ = true;
  return std::string_view(buffer_);
}

// Takes one empty line before the first one; false if more input is needed to decide.
bool HeadGatherer::skip_leading(std::string_view& input) {
  if (leading_ == Leading::nothing || skipped_) return !input.empty();
  if (buffer_.empty() && input.substr(0, 2) == line_end) {
    input.remove_prefix(2);
    skipped_ = true;
  } else if (buffer_ == "\r" && !input.empty() && input.front() == '\n') {
    input.remove_prefix(1);
    buffer_.clear();
    line_ = searched_ = 0;
    skipped_ = true;
  }
  return !input.empty();
}

// Looks line by line for an empty one, from where it stopped, and for an LF that stands alone. A CR
// that does is found here in the last line, which may never end; in others by the parser.
Result<HeadGatherer::Search> HeadGatherer::search(std::string_view bytes) {
  const std::string_view allowed = bytes.substr(0, limits_.bytes);
  // Another protocol, TLS for example: it may never send the end of a line.
  if (!bytes.empty() && !begins_line(bytes.front())) {
    return fail(ErrorKind::bad_request, "this is not HTTP/1.1");
  }
  for (;;) {
    const std::size_t lf = allowed.find('\n', searched_);
    if (lf == std::string_view::npos) break;
    if (lf == line_ || allowed[lf - 1] != '\r') {
      return fail(ErrorKind::bad_request, "a line ends with LF alone");
    }
    searched_ = lf + 1;
    if (lf == line_ + 1) return Search::found;
    line_ = searched_;
  }
  const std::size_t cr = allowed.find('\r', searched_ > line_ ? searched_ - 1 : line_);
  if (cr != std::string_view::npos && cr + 1 < allowed.size()) {
    return fail(ErrorKind::bad_request, "a CR stands alone");
  }
  searched_ = allowed.size();
  if (bytes.size() >= limits_.bytes) {
    return fail(ErrorKind::headers_too_large, "the head is too large");
  }
  return Search::more;
}

void HeadGatherer::clear() {
  buffer_.clear();
  if (buffer_.capacity() > largest_kept_buffer) std::string().swap(buffer_);
  skipped_ = complete_ = false;
  line_ = searched_ = 0;
}

void HeadGatherer::release_memory() {
  clear();
  std::string().swap(buffer_);
}

}  // namespace vsaproxy::http
