#include "proxy/http/head_gatherer.h"

namespace vsaproxy::http {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view line_end = "\r\n";
// Longer heads are rare: their memory is not kept.
constexpr std::size_t largest_kept_buffer = 8 * 1024;

bool begins_line(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

Result<std::optional<std::string_view>> HeadGatherer::gather(std::string_view& input) {
  if (complete_) clear();
  if (!skip_leading(input)) return std::nullopt;
  const std::size_t held = buffer_.size();
  if (held == 0) {
    const auto found = search(input);
    if (!found) return fail(found.error());
    if (*found == Search::found) {
      const std::string_view section = input.substr(0, searched_);
      input.remove_prefix(searched_);
      clear();
      return section;
    }
    buffer_.append(input);
    input = {};
    return std::nullopt;
  }
  buffer_.append(input.substr(0, limits_.bytes - held));
  const auto found = search(buffer_);
  if (!found) return fail(found.error());
  if (*found == Search::more) {
    input = {};
    return std::nullopt;
  }
  input.remove_prefix(searched_ - held);
  buffer_.resize(searched_);
  complete_ = true;
  return std::string_view(buffer_);
}

// Takes one empty line before the first one; false if more input is needed to decide.
bool HeadGatherer::skip_leading(std::string_view& input) {
  if (leading_ == Leading::nothing || skipped_) return !input.empty();
  if (buffer_.empty() && input.substr(0, 2) == line_end) {
    input.remove_prefix(2);
    skipped_ = true;
  } else if (buffer_ == "\r" && !input.empty() && input.front() == '\n') {
    input.remove_prefix(1);
    buffer_.clear();
    line_ = searched_ = 0;
    skipped_ = true;
  }
  return !input.empty();
}

// Looks line by line for an empty one, from where it stopped, and for an LF that stands alone. A CR
// that does is found here in the last line, which may never end; in others by the parser.
Result<HeadGatherer::Search> HeadGatherer::search(std::string_view bytes) {
  const std::string_view allowed = bytes.substr(0, limits_.bytes);
  // Another protocol, TLS for example: it may never send the end of a line.
  if (!bytes.empty() && !begins_line(bytes.front())) {
    return fail(ErrorKind::bad_request, "this is not HTTP/1.1");
  }
  for (;;) {
    const std::size_t lf = allowed.find('\n', searched_);
    if (lf == std::string_view::npos) break;
    if (lf == line_ || allowed[lf - 1] != '\r') {
      return fail(ErrorKind::bad_request, "a line ends with LF alone");
    }
    searched_ = lf + 1;
    if (lf == line_ + 1) return Search::found;
    line_ = searched_;
  }
  const std::size_t cr = allowed.find('\r', searched_ > line_ ? searched_ - 1 : line_);
  if (cr != std::string_view::npos && cr + 1 < allowed.size()) {
    return fail(ErrorKind::bad_request, "a CR stands alone");
  }
  searched_ = allowed.size();
  if (bytes.size() >= limits_.bytes) {
    return fail(ErrorKind::headers_too_large, "the head is too large");
  }
  return Search::more;
}

void HeadGatherer::clear() {
  buffer_.clear();
  if (buffer_.capacity() > largest_kept_buffer) std::string().swap(buffer_);
  skipped_ = complete_ = false;
  line_ = searched_ = 0;
}

void HeadGatherer::release_memory() {
  clear();
  std::string().swap(buffer_);
}

}  // namespace vsaproxy::http
