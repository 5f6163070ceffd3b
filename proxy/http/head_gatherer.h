#pragma once
// Finds where a head or a trailer section ends, as its bytes arrive. Pure; one thread at a time.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

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
  // True if nothing of the next section has come, not even an empty line before it.
  bool is_at_begin() const { return complete_ || (buffer_.empty() && !skipped_); }
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

}  // namespace vsaproxy::http
