#pragma once
// `vsaproxy check`: is the file right, and can everything that it refers to be read? Sends nothing
// over the network. Called by the main thread.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/cli/load_settings.h"
#include "proxy/settings/parse_settings.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

enum class OutputFormat { text, json };

// As load_settings(), and every secret and certificate can be read: what `run` starts with and a
// reload takes.
LoadedSettings load_checked_settings(const std::string& file);

// Prints every problem: as text on stderr, or as JSON on stdout. Returns the exit code: 0, or 3 if
// there is any problem.
int run_check(const std::string& file, OutputFormat format);

// One line: {"ok": false, "problems": [{"file": ...}]}.
std::string problems_as_json(const std::vector<settings::Problem>& problems,
                             const std::string& file);

// Secrets and certificates that can't be read, each at the place that refers to it. `text` is the
// file's; a secret's value never gets into a message.
std::vector<settings::Problem> check_references(const settings::Settings& settings,
                                                std::string_view text);

}  // namespace vsaproxy::cli
