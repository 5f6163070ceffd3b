#include "proxy/http/serializer.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "proxy/http/name_set.h"

namespace vsaproxy::http {

namespace {

// Grows the text once: appending the four parts took twice as long.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t begin = out.size();
  out.resize(begin + name.size() + value.size() + 4);
  char* end = std::copy(name.begin(), name.end(), out.data() + begin);
  *end++ = ':';
  *end++ = ' ';
  end = std::copy(value.begin(), value.end(), end);
  *end++ = '\r';
  *end = '\n';
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

// The fields that the serializer alone decides.
bool is_framing(const Field& field) {
  static constexpr NameSet<4> names(
      {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"});
  return names.has(field.name, field.mark);
}

// The line of a field that is_line.
std::string_view line_of(const Field& field) {
  return {field.name.data(), field.name.size() + field.value.size() + 4};
}

void append_fields(std::string& out, const Fields& fields) {
  std::string_view lines;  // they lie behind each other, and are copied at once
  for (const Field& field : fields.all()) {
    if (is_framing(field)) continue;
    if (field.is_line && field.name.data() == lines.data() + lines.size()) {
      lines = {lines.data(), lines.size() + line_of(field).size()};
      continue;
    }
    out.append(lines);
    lines = field.is_line ? line_of(field) : std::string_view();
    if (!field.is_line) append_field(out, field.name, field.value);
  }
  out.append(lines);
}

void append_framing(std::string& out, BodyFraming body) {
  if (body.kind == Framing::chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (body.kind != Framing::length) return;
  out.append("Content-Length: ");
  append_number(out, body.length);
  out.append("\r\n");
}

void append_connection(std::string& out, ConnectionOption option) {
  if (option == ConnectionOption::close) append_field(out, "Connection", "close");
  if (option == ConnectionOption::keep_alive) append_field(out, "Connection", "keep-alive");
}

}  // namespace

void append_request_head(std::string& out, const RequestHead& head, ConnectionOption option) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  append_fields(out, head.fields);
  append_framing(out, head.body);
  append_connection(out, option);
  out.append("\r\n");
}

void append_response_head(std::string& out, const ResponseHead& head) {
  append_response_head(out, head, head.body, ConnectionOption::unspoken);
}

void append_response_head(std::string& out, const ResponseHead& head, BodyFraming body,
                          ConnectionOption option) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(head.status));
  out.append(" ").append(head.reason).append("\r\n");
  append_fields(out, head.fields);
  append_framing(out, body);
  // 1xx and 204 must not have it (RFC 9110, 8.6).
  if (body.kind == Framing::none && head.status >= 200 && head.status != 204) {
    if (const Field* length = head.fields.find("Content-Length")) {
      append_field(out, length->name, length->value);
    }
  }
  append_connection(out, option);
  out.append("\r\n");
}

ChunkHeader::ChunkHeader(std::size_t size) : begin_(sizeof text_ - 2) {
  text_[begin_] = '\r';
  text_[begin_ + 1] = '\n';
  do {
    text_[--begin_] = "0123456789abcdef"[size & 0xf];
    size >>= 4;
  } while (size != 0);
}

void append_last_chunk(std::string& out, const Fields* trailers) {
  out.append("0\r\n");
  if (trailers != nullptr) append_fields(out, *trailers);
  out.append("\r\n");
}

}  // namespace vsaproxy::http
