#pragma once
// What the user typed, with the environment applied: flag over environment over file.

#include <optional>
#include <string>

#include "proxy/cli/asked_request.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

enum class Command { run, check, login, unlock, explain, routes, hash, version };

struct CommandLine {
  Command command = Command::run;
  std::string file = "/etc/vsaproxy/vsaproxy.yaml";
  std::string name;   // of a credential; empty: all
  Question question;  // of explain
  bool json = false;
  std::optional<settings::LogLevel> log_level;
  std::optional<settings::LogFormat> log_format;

  // The file's logging, with what was asked for beside it.
  settings::Log log_of(const settings::Settings& settings) const;
};

// The command line, or the exit code if the program is to end at once (help, wrong usage); what is
// to be said is printed already.
struct ParsedCommandLine {
  std::optional<CommandLine> line;
  int exit_code = 0;
};
ParsedCommandLine parse_command_line(int argc, char** argv);

}  // namespace vsaproxy::cli
