#include "tests/simulator/message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

namespace vsaproxy::simulator {
namespace {

constexpr std::size_t max_line = 8192;

struct FreeText {
  void operator()(char* text) const noexcept { std::free(text); }
};

tl::unexpected<std::string> bad(std::string sentence) {
  return tl::unexpected<std::string>(std::move(sentence));
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7f && c != '#';
         });
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

tl::expected<Field, std::string> parse_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a field line has no colon");
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (!is_token(name)) return bad("a field name is not a token");
  if (!is_field_value(value)) return bad("a field value has a control byte");
  return Field{std::string(name), std::string(value)};
}

std::optional<std::string> parse_request_line(std::string_view line, RequestHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return "the request line has not two spaces";
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.method)) return "the method is not a token";
  if (!is_target(head.target)) return "the target is not in origin form";
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return "the version is not HTTP/1.1 or 1.0";
  head.minor_version = version.back() - '0';
  return std::nullopt;
}

// RFC 9112, 6 and 9.3, and RFC 9110, 7.2 and 10.1.1. Returns the sentence of an error.
std::optional<std::string> interpret_fields(RequestHead& head) {
  int hosts = 0;
  int lengths = 0;
  head.keeps_alive = head.minor_version == 1;
  for (const Field& field : head.fields) {
    if (equals_ignoring_case(field.name, "Host")) ++hosts;
    if (equals_ignoring_case(field.name, "Content-Length")) {
      const auto length = parse_number(field.value, 10);
      if (!length || ++lengths > 1) return "Content-Length is not one number";
      head.content_length = *length;
    }
    if (equals_ignoring_case(field.name, "Transfer-Encoding")) {
      if (head.is_chunked || !equals_ignoring_case(field.value, "chunked")) {
        return "Transfer-Encoding is not chunked alone";
      }
      head.is_chunked = true;
    }
    if (equals_ignoring_case(field.name, "Connection")) {
      const std::string value = lower_case(field.value);
      if (value.find("close") != std::string::npos) head.keeps_alive = false;
      if (head.minor_version == 0 && value == "keep-alive") head.keeps_alive = true;
    }
    if (equals_ignoring_case(field.name, "Expect")) {
      head.expects_continue =
          head.minor_version == 1 && equals_ignoring_case(field.value, "100-continue");
    }
  }
  if (head.is_chunked && (lengths > 0 || head.minor_version == 0))
    return "the framing is ambiguous";
  if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) return "there is not one Host";
  return std::nullopt;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && lower_case(a) == lower_case(b);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

const std::string* RequestHead::field(std::string_view name) const {
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, name)) return &field.value;
  }
  return nullptr;
}

tl::expected<RequestHead, std::string> parse_head(std::string_view text) {
  RequestHead head;
  bool is_first = true;
  while (true) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) return bad("a line does not end in CRLF");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty()) break;
    if (is_first) {
      is_first = false;
      if (auto error = parse_request_line(line, head)) return bad(*error);
      continue;
    }
    auto field = parse_field(line);
    if (!field) return bad(field.error());
    head.fields.push_back(std::move(*field));
  }
  if (is_first) return bad("the request line is empty");
  if (auto error = interpret_fields(head)) return bad(*error);
  return head;
}

BodyReader::BodyReader(const RequestHead& head)
    : state_(head.is_chunked              ? State::chunk_size
             : (head.content_length == 0) ? State::finished
                                          : State::length_data),
      remaining_(head.content_length) {}

tl::expected<bool, std::string> BodyReader::read(
    evbuffer* input, const std::function<void(std::string_view)>& sink) {
  while (state_ != State::finished) {
    if (evbuffer_get_length(input) == 0) return false;
    if (state_ == State::length_data || state_ == State::chunk_data) {
      read_data(input, sink);
      continue;
    }
    auto line = read_line(input);
    if (!line) return line;
    if (!*line) return false;
  }
  return true;
}

void BodyReader::read_data(evbuffer* input, const std::function<void(std::string_view)>& sink) {
  const auto size = static_cast<std::size_t>(
      std::min<std::uint64_t>(evbuffer_get_contiguous_space(input), remaining_));
  const unsigned char* data = evbuffer_pullup(input, static_cast<ev_ssize_t>(size));
  sink({reinterpret_cast<const char*>(data), size});
  evbuffer_drain(input, size);
  remaining_ -= size;
  if (remaining_ > 0) return;
  state_ = state_ == State::length_data ? State::finished : State::chunk_end;
}

// One line of the chunked coding (RFC 9112, 7.1). False: not there yet.
tl::expected<bool, std::string> BodyReader::read_line(evbuffer* input) {
  std::size_t size = 0;
  const std::unique_ptr<char, FreeText> text(
      evbuffer_readln(input, &size, EVBUFFER_EOL_CRLF_STRICT));
  if (!text) {
    if (evbuffer_get_length(input) > max_line) return bad("a line of the body is too long");
    return false;
  }
  const std::string_view line(text.get(), size);
  switch (state_) {
    case State::chunk_size: {
      const auto number = parse_number(line.substr(0, line.find(';')), 16);
      if (!number) return bad("a chunk size is not hexadecimal");
      remaining_ = *number;
      state_ = remaining_ == 0 ? State::trailers : State::chunk_data;
      return true;
    }
    case State::chunk_end:
      if (!line.empty()) return bad("a chunk does not end in CRLF");
      state_ = State::chunk_size;
      return true;
    default: {
      if (line.empty()) {
        state_ = State::finished;
        return true;
      }
      auto field = parse_field(line);
      if (!field) return bad(field.error());
      trailers_.push_back(std::move(*field));
      return true;
    }
  }
}

}  // namespace vsaproxy::simulator
