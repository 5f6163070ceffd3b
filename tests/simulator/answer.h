#pragma once
// What a handler wants sent, and the bytes of streamed bodies. An answer belongs to the connection
// that sends it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

// A body that is made while it is sent.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;
  // The next bytes, at most as many as fit; 0 at the end.
  virtual std::size_t read(std::span<char> room) = 0;
};

// Bytes that depend on their position alone: blocks of 64 KiB, each with its number in its first
// eight bytes (big endian), then byte i is (167 i + 59 (i / 256) + 13) modulo 256.
class PatternSource : public BodySource {
 public:
  explicit PatternSource(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  std::size_t read(std::span<char> room) override;

 private:
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

class TextSource : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  std::size_t read(std::span<char> room) override;

 private:
  std::string text_;
  std::size_t position_ = 0;
};

struct Answer {
  enum class Framing { length, chunked, until_close };
  // What becomes of the connection: `cut_*` after cut_at bytes of the body, `drop_*` without an
  // answer, `hang` neither answers nor closes.
  enum class Ending { normal, close, cut_fin, cut_reset, drop_fin, drop_reset, hang };

  int status = 200;
  std::vector<Field> fields = {};  // all but Date, Connection and the framing fields
  std::string body = {};
  std::unique_ptr<BodySource> source = {};  // instead of body
  std::vector<Field> trailers = {};         // with chunked framing only
  std::string interim = {};                 // a whole 1xx head to send first (HTTP/1.1 only)
  Framing framing = Framing::length;
  Ending ending = Ending::normal;
  std::uint64_t cut_at = 0;
  std::chrono::milliseconds delay{0};       // before the head
  std::chrono::milliseconds body_delay{0};  // between head and body
  std::size_t piece_bytes = 65536;          // of a streamed body, at once
  std::chrono::milliseconds pace{0};        // between pieces
};

// The head of an answer with Date, framing and Connection fields. `now` is seconds since 1970.
std::string serialize_head(const Answer& answer, const RequestHead& request, bool keeps_alive,
                           std::int64_t now);

// 204, 304 and every answer to HEAD have none (RFC 9110, 6.4.1).
bool has_body(const Answer& answer, const RequestHead& request);

// {"Result":…,"ResponseCode":…,"Status":…,"Error":…} as VSA sends it. `result` is JSON; empty: the
// member is left out.
std::string quoted(std::string_view text);   // as JSON
std::string utc_text(std::int64_t seconds);  // of a time since 1970, as RFC 3339
Answer json_answer(int status, std::string body);
std::string envelope(std::string_view result, int code = 0, std::string_view status = "OK",
                     std::string_view error = "None");

}  // namespace vsaproxy::simulator
