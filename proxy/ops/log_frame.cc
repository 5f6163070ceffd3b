#include "proxy/ops/log_frame.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace vsaproxy::ops {
namespace {

enum class Kind { line, access };

struct FrameHead {
  Kind kind = Kind::line;
  std::size_t size = 0;  // of what follows
};

static_assert(std::is_trivially_copyable_v<AccessRecord>);

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

// Its texts stand behind the record, whose views still tell their sizes.
AccessRecord read_access(std::string_view frame) {
  auto record = take_bytes<AccessRecord>(frame);
  for (std::string_view* text : texts_of(record)) {
    const std::size_t size = text->size();
    *text = frame.substr(0, size);
    frame.remove_prefix(size);
  }
  return record;
}

}  // namespace

void append_line_frame(std::string_view line, std::string& frames) {
  append_bytes(FrameHead{Kind::line, line.size()}, frames);
  frames.append(line);
}

void append_access_frame(const AccessRecord& record, std::string& frames) {
  const auto texts = texts_of(record);
  FrameHead head{Kind::access, sizeof record};
  for (const auto* text : texts) head.size += text->size();
  append_bytes(head, frames);
  append_bytes(record, frames);
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
