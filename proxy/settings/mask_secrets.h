#pragma once
// Lines of a configuration file as they may be shown: values that may be secrets become "***".
// Works on the text alone, because the line to show is often one that could not be parsed. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace vsaproxy::settings {

// One text for each line. Hidden is whatever follows a key that may hold a secret, up to the next
// line that is clearly another key, except a reference in braces ({file: vsa.pat}); and passwords
// and queries in URLs. In doubt too much is hidden.
std::vector<std::string> mask_secrets(const std::vector<std::string_view>& lines);

}  // namespace vsaproxy::settings
