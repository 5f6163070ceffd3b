#include "proxy/ops/log_frame.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace vsaproxy::ops {
namespace {

enum class Kind { line, access };

struct FrameHead {
  Kind kind = Kind::line;
  std::size_t size = 0;  // of what follows
};

constexpr std::size_t text_count = 11;

// An AccessRecord without its texts.
struct AccessHead {
  base::WallTime at;
  int status = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::chrono::microseconds total{};
  std::chrono::microseconds upstream_time{};
  std::chrono::microseconds login_wait{};
  bool replayed = false;
  bool reused = false;
  std::array<std::size_t, text_count> sizes{};
};

template <class Record>
auto texts_of(Record& record) {
  return std::array{&record.id,       &record.listener, &record.client, &record.key,
                    &record.method,   &record.path,     &record.query,  &record.route,
                    &record.upstream, &record.error,    &record.session};
}

template <class T>
void append_bytes(const T& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T take_bytes(std::string_view& from) {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return value;
}

AccessRecord read_access(std::string_view frame) {
  const auto head = take_bytes<AccessHead>(frame);
  AccessRecord record;
  record.at = head.at;
  record.status = head.status;
  record.bytes_in = head.bytes_in;
  record.bytes_out = head.bytes_out;
  record.total = head.total;
  record.upstream_time = head.upstream_time;
  record.login_wait = head.login_wait;
  record.replayed = head.replayed;
  record.reused = head.reused;
  const auto texts = texts_of(record);
  for (std::size_t i = 0; i < text_count; ++i) {
    *texts[i] = frame.substr(0, head.sizes[i]);
    frame.remove_prefix(head.sizes[i]);
  }
  return record;
}

}  // namespace

void append_line_frame(std::string_view line, std::string& frames) {
  append_bytes(FrameHead{Kind::line, line.size()}, frames);
  frames.append(line);
}

void append_access_frame(const AccessRecord& record, std::string& frames) {
  AccessHead head{record.at,         record.status,
                  record.bytes_in,   record.bytes_out,
                  record.total,      record.upstream_time,
                  record.login_wait, record.replayed,
                  record.reused,     {}};
  const auto texts = texts_of(record);
  FrameHead frame{Kind::access, sizeof head};
  for (std::size_t i = 0; i < text_count; ++i) {
    head.sizes[i] = texts[i]->size();
    frame.size += head.sizes[i];
  }
  append_bytes(frame, frames);
  append_bytes(head, frames);
  for (const auto* text : texts) frames.append(*text);
}

std::variant<std::string_view, AccessRecord> take_frame(std::string_view& frames) {
  const auto head = take_bytes<FrameHead>(frames);
  const std::string_view content = frames.substr(0, head.size);
  frames.remove_prefix(head.size);
  if (head.kind == Kind::line) return content;
  return read_access(content);
}

}  // namespace vsaproxy::ops
