#pragma once
// What has to hold for a test to go on, in what tests and fuzz targets share: Catch reports the
// exception as a failed test, libFuzzer as a crash.

#include <stdexcept>
#include <string>

namespace vsaproxy {

inline void ensure(bool holds, const std::string& claim) {
  if (!holds) throw std::logic_error("does not hold: " + claim);
}

}  // namespace vsaproxy
