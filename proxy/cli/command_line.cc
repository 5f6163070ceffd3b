#include "proxy/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <map>

namespace vsaproxy::cli {
namespace {

using settings::LogFormat;
using settings::LogLevel;

constexpr int usage_error = 2;

const std::map<std::string, LogLevel>& level_names() {
  static const std::map<std::string, LogLevel> names = {{"debug", LogLevel::debug},
                                                        {"info", LogLevel::info},
                                                        {"warning", LogLevel::warning},
                                                        {"error", LogLevel::error}};
  return names;
}

const std::map<std::string, LogFormat>& format_names() {
  static const std::map<std::string, LogFormat> names = {{"text", LogFormat::text},
                                                         {"json", LogFormat::json}};
  return names;
}

struct Raw {
  std::string level;
  std::string format;
  bool check = false;
};

void add_common_options(CLI::App& app, CommandLine& line, Raw& raw) {
  app.add_option("-c,--config", line.file, "configuration file")
      ->envname("VSAPROXY_CONFIG")
      ->capture_default_str();
  app.add_option("--log-level", raw.level, "debug, info, warning or error")
      ->envname("VSAPROXY_LOG_LEVEL")
      ->check(CLI::IsMember(level_names()));
  app.add_option("--log-format", raw.format, "text or json")
      ->envname("VSAPROXY_LOG_FORMAT")
      ->check(CLI::IsMember(format_names()));
}

void add_explain(CLI::App& command, Question& question) {
  command.add_option("METHOD", question.method, "GET, POST, ...")->required();
  command
      .add_option(
          "URL", question.url,
          "/path?query or the proxy's own address, as a tool calls it; or http://SERVER/path, "
          "as a tool asks its http_proxy for")
      ->required();
  command.add_option("--listener", question.listener, "name of the listener that is asked");
  command
      .add_option("-H,--header", question.fields,
                  "a field of the request, 'Name: value'; may be repeated")
      ->allow_extra_args(false);
}

void add_commands(CLI::App& app, CommandLine& line) {
  const auto add = [&](const char* name, const char* help, Command command) {
    auto* sub = app.add_subcommand(name, help)->fallthrough();
    sub->callback([&line, command] { line.command = command; });
    return sub;
  };
  add("run", "start the proxy (the default)", Command::run);
  add("check", "parse the file and resolve its references; sends nothing", Command::check)
      ->add_flag("--json", line.json, "problems as JSON on standard output");
  add("login", "a real login: outcome, expiry, server clock; never the token", Command::login)
      ->add_option("NAME", line.name, "credential; without it every one");
  add("unlock", "forget the rejected logins of a credential", Command::unlock)
      ->add_option("NAME", line.name, "credential")
      ->required();
  add_explain(
      *add("explain", "what becomes of a request, and why; sends nothing", Command::explain),
      line.question);
  add("routes", "which request goes where, as a table", Command::routes);
  add("hash", "the hash of a local API key, which is asked for or read from standard input",
      Command::hash);
  add("version", "print the version", Command::version)->add_flag("--json", line.json, "as JSON");
}

}  // namespace

settings::Log CommandLine::log_of(const settings::Settings& settings) const {
  settings::Log log = settings.log;
  if (log_level) log.level = *log_level;
  if (log_format) log.format = *log_format;
  return log;
}

ParsedCommandLine parse_command_line(int argc, char** argv) {
  CLI::App app(
      "Proxy that logs in to Kaseya VSA for tools that can't.\n"
      "Signals: TERM or INT drains and ends, HUP reloads the file, USR1 reopens logs.",
      "vsaproxy");
  CommandLine line;
  Raw raw;
  add_common_options(app, line, raw);
  app.add_flag("-t", raw.check, "the same as check");
  add_commands(app, line);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? 0 : usage_error};
  }
  if (raw.check) line.command = Command::check;
  if (!raw.level.empty()) line.log_level = level_names().at(raw.level);
  if (!raw.format.empty()) line.log_format = format_names().at(raw.format);
  return {line, 0};
}

}  // namespace vsaproxy::cli
