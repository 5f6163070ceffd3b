#pragma once
// `vsaproxy routes`: which request goes where, as the file means it. Reads no secret.

#include <string>

#include "proxy/cli/terminal.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

// The routes in the order in which they are tried, implied ones too, with their rules below them.
std::string routes_table(const settings::Settings& settings, const Colours& colours);

// Prints it. Returns the exit code.
int run_routes(const settings::Settings& settings);

}  // namespace vsaproxy::cli
