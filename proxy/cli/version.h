#pragma once
// `vsaproxy version`.

#include "proxy/cli/check.h"

namespace vsaproxy::cli {

// Prints on stdout; returns the exit code.
int run_version(OutputFormat format);

}  // namespace vsaproxy::cli
