#pragma once
// Decoded paths in which an escaped slash was let through (PathOptions::raw_paths). Pure.

#include <string>
#include <string_view>

namespace vsaproxy::http {

// How it stays in NormalizedPath::decoded, where no other escape does.
constexpr std::string_view escaped_slash = "%2F";

bool has_escaped_slash(std::string_view decoded);

// As a server reads it that takes an escaped slash for a slash; runs of slashes are merged.
std::string with_slashes(std::string_view decoded);

}  // namespace vsaproxy::http
