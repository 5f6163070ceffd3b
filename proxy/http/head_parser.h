#pragma once
// Bytes to heads: finds where a head ends, then reads it in one pass. Strict where a lenient
// reading would let two programs see two messages. Pure; one thread at a time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::http {

struct HeadLimits {
  std::size_t bytes = 32 * 1024;  // start line, fields and the empty line together
  std::size_t count = 100;        // fields

  friend bool operator==(const HeadLimits&, const HeadLimits&) = default;
};

// Collects a section of lines up to its empty line, however the bytes are split on arrival. Holds a
// copy only while the section is incomplete.
class HeadGatherer {
 public:
  // What may stand before the first line (RFC 9112, 2.2).
  enum class Leading { nothing, one_empty_line };

  HeadGatherer(const HeadLimits& limits, Leading leading) : limits_(limits), leading_(leading) {}

  // Consumes the front of the input. The section with its empty line once it is there (valid until
  // the next call, or as long as the input); nothing if the input is used up before that. Errors:
  // bad_request (an LF that stands alone, or a CR in a line that has not ended: one within a whole
  // line is left to the parser), headers_too_large.
  base::Result<std::optional<std::string_view>> gather(std::string_view& input);

  // True if nothing of an incomplete section is held.
  bool is_empty() const { return buffer_.empty() || complete_; }
  void clear();
  void release_memory();

 private:
  enum class Search { more, found };

  bool skip_leading(std::string_view& input);
  base::Result<Search> search(std::string_view bytes);

  HeadLimits limits_;
  Leading leading_;
  bool skipped_ = false;      // the tolerated empty line was seen
  bool complete_ = false;     // the last call returned a section from the buffer
  std::size_t line_ = 0;      // where the current line begins
  std::size_t searched_ = 0;  // bytes known not to end the section
  std::string buffer_;
};

// Reads a whole head, its empty line included, and decides the framing of its body (RFC 9112, 6.3).
// `out` gets its own copy of the bytes, in the memory that it already has if that is large enough;
// after an error its content is unspecified. The target is checked for its characters only: see
// parse_target(). Errors: bad_request, ambiguous_framing, headers_too_large.
base::Result<void> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                      RequestHead& out);

// As above for the answer to a request with this method (HEAD and CONNECT change its framing).
// White space before a colon is removed and folding becomes a space (RFC 9112, 5.1 and 5.2). All
// errors are upstream_protocol.
base::Result<void> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                       std::string_view request_method, ResponseHead& out);

// Reads a trailer section, its empty line included, as strictly as the fields of a request. `out`
// is emptied first. Errors: bad_request, headers_too_large.
base::Result<void> parse_trailers(std::string_view bytes, const HeadLimits& limits, Fields& out);

// RFC 9110, 8.6: digits only, at most 2^63 - 1. Neither "+3" nor "3, 3". Error: ambiguous_framing.
base::Result<std::uint64_t> parse_content_length(std::string_view text);

// RFC 9110, 5.6.2.
bool is_token(std::string_view text);

}  // namespace vsaproxy::http
