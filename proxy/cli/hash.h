#pragma once
// The command `hash`: from a local API key to what stands in the configuration.

namespace vsaproxy::cli {

// Asks without echo on a terminal, twice; else reads one line of standard input. Prints the hash on
// standard output. Returns the exit code.
int run_hash();

}  // namespace vsaproxy::cli
