#include "proxy/cli/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace vsaproxy::cli {

Colours Colours::of_standard_output() {
  const char* unwanted = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool has_colours = (unwanted == nullptr || *unwanted == '\0') && terminal != nullptr &&
                           std::string_view(terminal) != "dumb" && ::isatty(STDOUT_FILENO) == 1;
  if (!has_colours) return {};
  return {"\033[1m", "\033[31m", "\033[32m", "\033[0m"};
}

}  // namespace vsaproxy::cli
