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

// Where a segment does not fit, the last "**" takes one more and the rest is tried again. Earlier
// ones need no second try: what they left to the last could only be shorter.
bool PathPattern::matches(std::string_view decoded_path, PathCase path_case) const {
  Segments path(decoded_path);
  auto wanted = segments_.begin();
  auto after_any = segments_.end();  // behind the last "**" that was met
  Segments retry(decoded_path);      // what it may still take from
  const auto goes_on = [&](auto at) { return at != segments_.end(); };
  bool met_any = false;
  while (true) {
    while (goes_on(wanted) && *wanted == any_number) {
      after_any = ++wanted;
      retry = path;
      met_any = true;
    }
    const auto segment = path.next();
    if (!segment && !goes_on(wanted)) return true;
    if (segment && goes_on(wanted) && fits(*wanted, *segment, path_case)) {
      ++wanted;
      continue;
    }
    if (!met_any || !retry.next()) return false;
    path = retry;
    wanted = after_any;
  }
}

}  // namespace vsaproxy::routing
