#pragma once
// What a fuzz target claims; it holds in every build, whatever NDEBUG says.

#include <cstdio>
#include <cstdlib>

namespace vsaproxy::fuzz {

// Ends the process, for the fuzzer to see, if a claim does not hold.
inline void check(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", claim);
  std::abort();
}

}  // namespace vsaproxy::fuzz
