#include "proxy/auth/scheme.h"

#include <algorithm>
#include <initializer_list>

#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

bool is_one_of(std::string_view type, std::initializer_list<std::string_view> types,
               std::string_view suffix) {
  return std::any_of(types.begin(), types.end(),
                     [&](auto other) { return base::equals_ignoring_case(type, other); }) ||
         (type.size() > suffix.size() &&
          base::equals_ignoring_case(type.substr(type.size() - suffix.size()), suffix));
}

// Up to the next slash, which goes too.
std::string_view take_segment(std::string_view& path) {
  const auto slash = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return segment;
}

bool matches_segments(std::string_view pattern, std::string_view path) {
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/'))
    return false;
  while (!pattern.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    const bool fits =
        wanted == "{}" ? !segment.empty() : base::equals_ignoring_case(wanted, segment);
    if (!fits) return false;
  }
  return true;
}

}  // namespace

bool is_call(const LoginPath& call, std::string_view method, std::string_view path) {
  if (call.method != (method == "HEAD" ? "GET" : method)) return false;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return call.path.find('{') == std::string_view::npos ? base::equals_ignoring_case(call.path, path)
                                                       : matches_segments(call.path, path);
}

bool may_hold_lost_session(const SchemeSpec& spec, std::string_view content_type) {
  const std::string_view type = base::trim(content_type.substr(0, content_type.find(';')));
  switch (spec.lost_session_media) {
    case LostSessionMedia::json:
      return is_one_of(type, {"application/json", "text/json"}, "+json");  // RFC 6839, 3.1
    case LostSessionMedia::xml:
      return is_one_of(type, {"text/xml", "application/xml"}, "+xml");  // RFC 7303
    case LostSessionMedia::none:
      break;
  }
  return false;
}

}  // namespace vsaproxy::auth
