#pragma once
// Text to Settings, strictly: whatever is unknown, misspelt, contradictory or of the wrong type is
// an error with its place, and all errors are reported at once. Pure: reads no file and no secret.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/field.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::settings {

struct Problem {
  base::Place place;
  std::size_t length = 1;  // of the marked text, in characters
  std::string message;     // names the fix; never a secret's value
};

struct ParseOutcome {
  Settings settings;  // meaningful only without problems
  std::vector<Problem> problems;
};

ParseOutcome parse_settings(std::string_view text, std::string_view file_name);

// "config.yaml:14:7: unknown key ..." with the line and a caret under it; values on a line that
// holds a secret are shown as ***. One text for all problems, each ending in a newline.
std::string describe_problems(const std::vector<Problem>& problems, std::string_view text,
                              std::string_view file_name);

}  // namespace vsaproxy::settings
