#include "proxy/auth/schemes/base_path.h"

#include <fmt/format.h>

namespace vsaproxy::auth {

std::string base_path_fault(std::string_view value) {
  if (value.empty()) return "";
  const bool plain = value.find_first_of("?#\\ \t\r\n") == std::string_view::npos;
  return value.front() == '/' && plain
             ? ""
             : "must be a path that begins with a slash, as in /api/v1.0, without a query";
}

std::string under_base(std::string_view base, std::string_view call) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}{}", base, call);
}

}  // namespace vsaproxy::auth
