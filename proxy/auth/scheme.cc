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

}  // namespace

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
