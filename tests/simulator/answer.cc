#include "tests/simulator/answer.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

namespace vsaproxy::simulator {
namespace {

constexpr std::size_t block_size = 65536;

const std::array<char, block_size>& pattern_block() {
  static const auto block = [] {
    std::array<char, block_size> bytes{};
    for (std::size_t i = 0; i < block_size; ++i) {
      bytes[i] = static_cast<char>((167 * i + 59 * (i / 256) + 13) % 256);
    }
    return bytes;
  }();
  return block;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 415:
      return "Unsupported Media Type";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string http_date(std::int64_t now) {
  const std::time_t seconds = now;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace

std::string utc_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string quoted(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

std::size_t PatternSource::read(std::span<char> room) {
  const std::size_t offset = position_ % block_size;
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(
      size_ - position_, std::min<std::uint64_t>(room.size(), block_size - offset)));
  std::memcpy(room.data(), pattern_block().data() + offset, size);
  const std::uint64_t block = position_ / block_size;
  for (std::size_t i = offset; i < std::min<std::size_t>(8, offset + size); ++i) {
    room[i - offset] = static_cast<char>(block >> (8 * (7 - i)));
  }
  position_ += size;
  return size;
}

std::size_t TextSource::read(std::span<char> room) {
  const std::size_t size = std::min(room.size(), text_.size() - position_);
  std::memcpy(room.data(), text_.data() + position_, size);
  position_ += size;
  return size;
}

bool has_body(const Answer& answer, const RequestHead& request) {
  return request.method != "HEAD" && answer.status != 204 && answer.status != 304;
}

std::string serialize_head(const Answer& answer, const RequestHead& request, bool keeps_alive,
                           std::int64_t now) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", answer.status,
                                 reason_phrase(answer.status), http_date(now));
  for (const Field& field : answer.fields) {
    head += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  if (answer.status != 204 && answer.status != 304) {
    if (answer.framing == Answer::Framing::chunked) head += "Transfer-Encoding: chunked\r\n";
    if (answer.framing == Answer::Framing::length) {
      head += fmt::format("Content-Length: {}\r\n",
                          answer.source ? answer.source->size() : answer.body.size());
    }
  }
  if (!keeps_alive) head += "Connection: close\r\n";
  if (keeps_alive && request.minor_version == 0) head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

Answer json_answer(int status, std::string body) {
  return {.status = status,
          .fields = {{"Content-Type", "application/json; charset=utf-8"}},
          .body = std::move(body)};
}

std::string envelope(std::string_view result, int code, std::string_view status,
                     std::string_view error) {
  return fmt::format(R"({{{}{}{}"ResponseCode":{},"Status":"{}","Error":"{}"}})",
                     result.empty() ? "" : R"("Result":)", result, result.empty() ? "" : ",", code,
                     status, error);
}

}  // namespace vsaproxy::simulator
