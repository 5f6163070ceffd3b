#include "proxy/auth/scheme.h"

#include "proxy/base/text.h"

namespace vsaproxy::auth {

bool may_hold_lost_session(const SchemeSpec& spec, std::string_view content_type) {
  if (spec.session_lost == nullptr) return false;
  constexpr std::string_view suffix = "+json";  // RFC 6839, 3.1
  const std::string_view type = base::trim(content_type.substr(0, content_type.find(';')));
  return base::equals_ignoring_case(type, "application/json") ||
         base::equals_ignoring_case(type, "text/json") ||
         (type.size() > suffix.size() &&
          base::equals_ignoring_case(type.substr(type.size() - suffix.size()), suffix));
}

}  // namespace vsaproxy::auth
