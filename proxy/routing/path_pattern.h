#pragma once
// A pattern for paths, as allow, deny and page_paths have them: "*" stands for one segment, "**"
// for any number of them, none included. Constant once made.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/routing/route_table.h"

namespace vsaproxy::routing {

class PathPattern {
 public:
  // Decoded, as http::normalize_path gives paths; begins with "/". Error: configuration, with what
  // is wrong and the fix.
  static base::Result<PathPattern> parse(std::string_view text);

  // `decoded_path` as http::normalize_path gives it. A slash at its end, and at the pattern's,
  // makes no difference: servers take both for the same.
  bool matches(std::string_view decoded_path, PathCase path_case) const;
  // True if it matches whatever the other one does. May be false for patterns with several "**"
  // although it does.
  bool covers(const PathPattern& other, PathCase path_case) const;
  // False if no path that has this prefix can match. `prefix` as in RouteRule.
  bool can_match_below(std::string_view prefix, PathCase path_case) const;

  const std::string& text() const { return text_; }
  friend bool operator==(const PathPattern& a, const PathPattern& b) { return a.text_ == b.text_; }

 private:
  std::string text_;
  std::vector<std::string> segments_;
};

}  // namespace vsaproxy::routing
