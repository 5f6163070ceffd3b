#include "tests/relay/messages.h"

#include <fmt/format.h>
#include <strings.h>

#include <cstdlib>
#include <optional>

namespace vsaproxy::relay {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string with_break(std::string_view fields) {
  return fields.empty() ? std::string() : std::string(fields) + "\r\n";
}

std::optional<std::string_view> take_line(std::string_view& bytes) {
  const auto end = bytes.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 2);
  return line;
}

// Up to and with the empty line.
bool take_fields(std::string_view& bytes, Lines& fields) {
  for (;;) {
    const auto line = take_line(bytes);
    if (!line) return false;
    if (line->empty()) return true;
    const auto colon = line->find(": ");
    if (colon == std::string_view::npos) return false;
    fields.emplace_back(line->substr(0, colon), line->substr(colon + 2));
  }
}

bool take_chunks(std::string_view& bytes, Message& message) {
  for (;;) {
    const auto line = take_line(bytes);
    if (!line) return false;
    const auto size = std::strtoul(std::string(*line).c_str(), nullptr, 16);
    if (size == 0) return take_fields(bytes, message.trailers);
    message.body.append(bytes.substr(0, size));
    if (bytes.size() < size + 2) return false;
    bytes.remove_prefix(size + 2);
  }
}

bool take_body(std::string_view& bytes, Message& message) {
  if (message.field("Transfer-Encoding") == "chunked") return take_chunks(bytes, message);
  const std::string length = message.field("Content-Length");
  const bool is_answer = message.start.starts_with("HTTP/");
  const bool has_none =
      is_answer && (message.start.substr(9, 1) == "1" || message.start.substr(9, 3) == "204" ||
                    message.start.substr(9, 3) == "304");
  if (has_none || (length == "-" && !is_answer)) return true;
  const std::size_t size = length == "-" ? bytes.size() : std::strtoul(length.c_str(), nullptr, 10);
  message.body = bytes.substr(0, size);
  bytes.remove_prefix(message.body.size());
  return message.body.size() == size;
}

}  // namespace

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

std::string request(std::string_view start, std::string_view fields, std::string_view body) {
  return fmt::format("{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n{}", start, with_break(fields), body);
}

std::string answer(std::string_view status, std::string_view body, std::string_view fields) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, with_break(fields),
                     body.size(), body);
}

std::string chunked(std::string_view body, std::size_t chunk, std::string_view trailers) {
  std::string out;
  for (; !body.empty(); body.remove_prefix(std::min(chunk, body.size()))) {
    const std::string_view piece = body.substr(0, chunk);
    out += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  return out + "0\r\n" + with_break(trailers) + "\r\n";
}

std::string Message::field(std::string_view name) const {
  std::string found;
  for (const auto& [key, value] : fields) {
    if (key.size() != name.size() || strncasecmp(key.data(), name.data(), name.size()) != 0) {
      continue;
    }
    found += found.empty() ? value : "|" + value;
  }
  return found.empty() ? "-" : found;
}

std::vector<Message> read_messages(std::string_view bytes, Bodies bodies) {
  std::vector<Message> messages;
  while (!bytes.empty()) {
    Message message;
    const auto start = take_line(bytes);
    if (start) message.start = *start;
    const bool has_head = start && take_fields(bytes, message.fields);
    message.is_whole = has_head && (bodies == Bodies::none || take_body(bytes, message));
    messages.push_back(std::move(message));
    if (!messages.back().is_whole) break;
  }
  return messages;
}

Message read_message(std::string_view bytes, Bodies bodies) {
  auto messages = read_messages(bytes, bodies);
  return messages.size() == 1 ? std::move(messages.front()) : Message();
}

}  // namespace vsaproxy::relay
