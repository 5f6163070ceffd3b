#pragma once
// From the path of a configuration file to settings that the program can run with: what `run`,
// `check` and every other command share. Blocks on the disk; called by the main thread.

#include <memory>
#include <string>
#include <vector>

#include "proxy/settings/parse_settings.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

struct LoadedSettings {
  // Null if there is any problem. Both directories are resolved: written ones win, else
  // STATE_DIRECTORY and RUNTIME_DIRECTORY, else those of the system for root, else those of XDG.
  std::shared_ptr<const settings::Settings> settings;
  // For people, ready to print: each with its place, the line and a caret, ending in a newline.
  std::string problems;
  // The same one by one, for programs.
  std::vector<settings::Problem> list;
  // The file, for describe_problems() on what is found out later. Empty if it could not be read.
  std::string text;
};

LoadedSettings load_settings(const std::string& file);

}  // namespace vsaproxy::cli
