#pragma once
// What a Content-Type says beside its parameters. Pure.

#include <string_view>

#include "proxy/base/text.h"

namespace vsaproxy::auth {

// "text/xml" of "text/xml; charset=utf-8" (RFC 9110, 8.3.1), as written; "" of "".
constexpr std::string_view media_type(std::string_view content_type) {
  return base::trim(content_type.substr(0, content_type.find(';')));
}

}  // namespace vsaproxy::auth
