#include "tests/simulator/journal.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

namespace vsaproxy::simulator {
namespace {

constexpr std::size_t max_entries = 1000;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, const char* name, const std::string& text) {
  writer.Key(name);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_entry(Writer& writer, const LogEntry& entry, std::uint64_t number) {
  writer.StartObject();
  writer.Key("number");
  writer.Uint64(number);
  write_text(writer, "method", entry.method);
  write_text(writer, "target", entry.target);
  write_text(writer, "session", entry.session);
  writer.Key("status");
  writer.Int(entry.status);
  writer.Key("body_bytes");
  writer.Uint64(entry.body_bytes);
  writer.Key("connection");
  writer.Uint64(entry.connection_id);
  writer.Key("request_of_connection");
  writer.Uint64(entry.request_number);
  writer.Key("complete");
  writer.Bool(entry.is_complete);
  write_text(writer, "request_id", entry.request_id);
  writer.EndObject();
}

}  // namespace

std::uint64_t RequestLog::add(LogEntry entry) {
  if (entries_.size() == max_entries) {
    entries_.pop_front();
    ++first_;
  }
  entries_.push_back(std::move(entry));
  return first_ + entries_.size() - 1;
}

LogEntry* RequestLog::find(std::uint64_t number) {
  if (number < first_ || number - first_ >= entries_.size()) return nullptr;
  return &entries_[number - first_];
}

// Numbers go on, so that a request still in the air does not find another's entry.
void RequestLog::clear() {
  first_ += entries_.size();
  entries_.clear();
}

std::string RequestLog::to_json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("first");
  writer.Uint64(first_);
  writer.Key("requests");
  writer.StartArray();
  for (std::size_t i = 0; i < entries_.size(); ++i) write_entry(writer, entries_[i], first_ + i);
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

void LoginLog::add(LoginEntry entry) {
  if (entries_.size() == max_entries) entries_.pop_front();
  entries_.push_back(std::move(entry));
}

std::string LoginLog::to_json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("logins");
  writer.StartArray();
  for (const LoginEntry& entry : entries_) {
    writer.StartObject();
    write_text(writer, "method", entry.method);
    write_text(writer, "target", entry.target);
    write_text(writer, "content_type", entry.content_type);
    write_text(writer, "body", entry.body);
    writer.Key("status");
    writer.Int(entry.status);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace vsaproxy::simulator
