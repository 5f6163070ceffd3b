#pragma once
// The credential type `header`: one fixed field with a secret value, for an API whose key never
// changes. It logs in nowhere and never expires. Pure, manager thread.

#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& header_scheme();

// The fault in a field name as a sentence that names the fix, or "": it must be a token (RFC 9110,
// 5.6.2) and none of those that frame a message or steer the connection.
std::string injected_name_fault(std::string_view name);

}  // namespace vsaproxy::auth
