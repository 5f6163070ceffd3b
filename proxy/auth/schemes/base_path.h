#pragma once
// The key `base` of credential types whose API lives under a path of its upstream. Pure.

#include <string>
#include <string_view>

namespace vsaproxy::auth {

// For base::Field: "" if it is empty, or a path as in /api/v1.0.
std::string base_path_fault(std::string_view value);

// The base without slashes at its end, and the call under it.
std::string under_base(std::string_view base, std::string_view call);

}  // namespace vsaproxy::auth
