#include "proxy/routing/path_pattern.h"

#include <algorithm>
#include <optional>

#include "proxy/base/text.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;
using base::fail;

constexpr std::string_view one = "*";
constexpr std::string_view any_number = "**";

// Walks over the segments of a path; a slash at the end begins none.
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {}

  std::optional<std::string_view> next() {
    if (rest_.size() < 2) return std::nullopt;
    rest_.remove_prefix(1);
    const auto end = std::min(rest_.find('/'), rest_.size());
    const std::string_view segment = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return segment;
  }

 private:
  std::string_view rest_;
};

std::string_view fault_of(std::string_view segment) {
  if (segment.empty()) return "must not have \"//\"";
  if (segment == one || segment == any_number) return "";
  if (segment.find('*') != std::string_view::npos) {
    return "must have \"*\" or \"**\" as whole segments, as in /api/*/agents/**";
  }
  if (segment.back() == '.' || segment.back() == ' ') {
    return "must not have a segment that ends in a dot or a space: such paths are refused anyway";
  }
  return "";
}

bool fits(std::string_view wanted, std::string_view segment, PathCase path_case) {
  if (wanted == one) return true;
  return path_case == PathCase::sensitive ? wanted == segment
                                          : base::equals_ignoring_case(wanted, segment);
}

// Where a segment does not fit, the last "**" takes one more and the rest is tried again. Earlier
// ones need no second try: what they left to the last could only be shorter.
template <class Fits>
bool match_all(const std::vector<std::string>& pattern, Segments path, Fits is_fitting) {
  auto wanted = pattern.begin();
  auto after_any = pattern.end();  // behind the last "**" that was met
  Segments retry = path;           // what it may still take from
  bool met_any = false;
  while (true) {
    while (wanted != pattern.end() && *wanted == any_number) {
      after_any = ++wanted;
      retry = path;
      met_any = true;
    }
    const auto segment = path.next();
    if (!segment && wanted == pattern.end()) return true;
    if (segment && wanted != pattern.end() && is_fitting(*wanted, *segment)) {
      ++wanted;
      continue;
    }
    if (!met_any || !retry.next()) return false;
    path = retry;
    wanted = after_any;
  }
}

}  // namespace

base::Result<PathPattern> PathPattern::parse(std::string_view text) {
  if (!text.starts_with('/')) return fail(ErrorKind::configuration, "must begin with \"/\"");
  if (text.find_first_of("%?#\\") != std::string_view::npos) {
    return fail(ErrorKind::configuration,
                "must be a decoded path: no escapes, no query, no \"\\\"");
  }
  PathPattern pattern;
  pattern.text_ = text;
  Segments segments(text);
  while (const auto segment = segments.next()) {
    if (const auto fault = fault_of(*segment); !fault.empty()) {
      return fail(ErrorKind::configuration, std::string(fault));
    }
    pattern.segments_.emplace_back(*segment);
  }
  return pattern;
}

bool PathPattern::matches(std::string_view decoded_path, PathCase path_case) const {
  return match_all(segments_, Segments(decoded_path),
                   [path_case](std::string_view wanted, std::string_view segment) {
                     return fits(wanted, segment, path_case);
                   });
}

// The other's segments are taken for those of a path: its stars only fit stars.
bool PathPattern::covers(const PathPattern& other, PathCase path_case) const {
  return match_all(segments_, Segments(other.text_),
                   [path_case](std::string_view wanted, std::string_view segment) {
                     if (segment == any_number) return false;
                     if (segment == one) return wanted == one;
                     return fits(wanted, segment, path_case);
                   });
}

bool PathPattern::can_match_below(std::string_view prefix, PathCase path_case) const {
  Segments segments(prefix);
  for (const std::string& wanted : segments_) {
    if (wanted == any_number) return true;
    const auto segment = segments.next();
    if (!segment) return true;
    if (!fits(wanted, *segment, path_case)) return false;
  }
  return !segments.next();
}

}  // namespace vsaproxy::routing
