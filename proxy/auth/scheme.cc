#include "proxy/auth/scheme.h"

#include <algorithm>

#include "proxy/auth/media_type.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() &&
         base::equals_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
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

// Paths first: nearly no request has one of these, and most differ in length already.
bool is_call(const LoginPath& call, std::string_view method, std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const bool is_path =
      call.path.size() == path.size() && base::equals_ignoring_case(call.path, path);
  if (!is_path && !(call.has_names && matches_segments(call.path, path))) return false;
  const bool is_head = base::equals_ignoring_case(method, "HEAD");
  return base::equals_ignoring_case(call.method, is_head ? "GET" : method);
}

std::string_view injected_field(const SchemeSpec& spec, const base::FieldValues& values) {
  if (spec.make_editor != nullptr) return "";
  if (spec.name_field.empty()) return "Authorization";
  return values.text(spec.name_field).value_or("");
}

bool is_xml(std::string_view content_type) {
  const std::string_view type = media_type(content_type);
  return base::equals_ignoring_case(type, "text/xml") ||
         base::equals_ignoring_case(type, "application/xml") ||
         ends_with_ignoring_case(type, "+xml");
}

bool may_hold_lost_session(const SchemeSpec& spec, std::string_view content_type) {
  switch (spec.lost_session_media) {
    case LostSessionMedia::json: {  // RFC 6839, 3.1
      const std::string_view type = media_type(content_type);
      return base::equals_ignoring_case(type, "application/json") ||
             base::equals_ignoring_case(type, "text/json") ||
             ends_with_ignoring_case(type, "+json");
    }
    case LostSessionMedia::xml:
      return is_xml(content_type);
    case LostSessionMedia::none:
      break;
  }
  return false;
}

}  // namespace vsaproxy::auth
