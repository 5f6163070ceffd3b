#pragma once
// Heads and chunk framing to bytes. Everything is written from parsed values, never from received
// bytes, and the framing fields only from the head's `body`. Pure.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace vsaproxy::http {

// What to say about the connection (RFC 9112, 9.3).
enum class ConnectionOption { unspoken, close, keep_alive };

// Appends start line, as HTTP/1.1, fields and the empty line. Content-Length, Transfer-Encoding,
// Connection and Keep-Alive among the fields are not written; `head.body` and `option` are.
void append_request_head(std::string& out, const RequestHead& head,
                         ConnectionOption option = ConnectionOption::unspoken);

// Likewise, as HTTP/1.1 whatever head.version is (RFC 9112, 2.3), with `body` in place of
// head.body. One exception: an answer without a body, to HEAD or with status 304, keeps the
// Content-Length among its fields.
void append_response_head(std::string& out, const ResponseHead& head, BodyFraming body,
                          ConnectionOption option);
void append_response_head(std::string& out, const ResponseHead& head);

// The line before a chunk's content; longest for 2^64 - 1 bytes.
class ChunkHeader {
 public:
  // `size` in bytes, not 0: that would be the last chunk.
  explicit ChunkHeader(std::size_t size);
  std::string_view text() const { return {text_.data() + begin_, text_.size() - begin_}; }

 private:
  std::array<char, 18> text_;
  std::size_t begin_;
};

// The last chunk, the trailers if there are any, and the empty line (RFC 9112, 7.1).
void append_last_chunk(std::string& out, const Fields* trailers);

}  // namespace vsaproxy::http
