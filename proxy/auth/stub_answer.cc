#include "proxy/auth/stub_answer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace vsaproxy::auth {

void JsonWriter::name(std::string_view key) {
  writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void JsonWriter::open_object(std::string_view key) {
  name(key);
  writer_.StartObject();
}

void JsonWriter::open_list(std::string_view key) {
  name(key);
  writer_.StartArray();
  writer_.StartObject();
}

void JsonWriter::close_list() {
  writer_.EndObject();
  writer_.EndArray();
}

void JsonWriter::text(std::string_view key, std::string_view value) {
  name(key);
  writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void JsonWriter::number(std::string_view key, std::int64_t value) {
  name(key);
  writer_.Int64(value);
}

void JsonWriter::yes(std::string_view key) {
  name(key);
  writer_.Bool(true);
}

void JsonWriter::null(std::string_view key) {
  name(key);
  writer_.Null();
}

LocalAnswer JsonWriter::finish(int status) {
  writer_.EndObject();
  return {status, "application/json; charset=utf-8", {buffer_.GetString(), buffer_.GetSize()}};
}

std::int64_t seconds_left(const StubRequest& request) {
  const auto left = std::chrono::floor<std::chrono::seconds>(request.expires - request.now);
  return std::max<std::int64_t>(left.count(), 1);
}

std::string utc_end(const StubRequest& request) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     std::chrono::floor<std::chrono::seconds>(request.expires));
}

}  // namespace vsaproxy::auth
