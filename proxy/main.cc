// vsaproxy: a proxy that logs in to Kaseya VSA for tools that can't.

#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/cli/check.h"
#include "proxy/cli/command_line.h"
#include "proxy/cli/explain.h"
#include "proxy/cli/hash.h"
#include "proxy/cli/load_settings.h"
#include "proxy/cli/login.h"
#include "proxy/cli/routes.h"
#include "proxy/cli/sandbox.h"
#include "proxy/cli/server.h"
#include "proxy/cli/version.h"

namespace {

using namespace vsaproxy;  // NOLINT: this is the one file that is about all of it

constexpr int runtime_failure = 1;
constexpr int configuration_error = 78;  // EX_CONFIG of sysexits.h

// Not fmt::print: it throws when nobody reads.
void say(const std::string& text) { std::fputs(text.c_str(), stderr); }

// Before any thread is started: those inherit the mask.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

// The hash of a rejected login takes 16 MiB once. glibc would take that for usual from then on, and
// keep as much: its limits are fixed here instead. Bodies of this size are rare.
void give_large_memory_back() {
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

// Of a start that failed.
int exit_code_of(const base::Error& error) {
  if (error.kind == base::ErrorKind::draining) return 0;  // as it was told
  return error.kind == base::ErrorKind::configuration ? configuration_error : runtime_failure;
}

int run(const cli::CommandLine& line, std::shared_ptr<const settings::Settings> settings) {
  block_signals();
  give_large_memory_back();
  const cli::WriteLock write_lock = cli::WriteLock::close(*settings);
  if (auto dropped = cli::drop_privileges(); !dropped) {
    say("vsaproxy: " + dropped.error().detail + "\n");
    return runtime_failure;
  }
  auto log = ops::Log::open(line.log_of(*settings));
  if (!log) {
    say("vsaproxy: " + log.error().detail + "\n");
    return runtime_failure;
  }
  if (!write_lock.is_active()) {
    (*log)->write(ops::LogLevel::warning,
                  "this kernel has no Landlock: the process may write wherever its user may");
  }
  cli::Server server(line, std::move(settings), std::move(*log), write_lock);
  if (auto started = server.start(); !started) {
    say("vsaproxy: " + started.error().detail + "\n");
    return exit_code_of(started.error());
  }
  return server.serve();
}

// A stopped proxy can be unlocked, and its rules can be asked, whatever has become of its secrets.
bool needs_secrets(cli::Command command) {
  return command == cli::Command::run || command == cli::Command::login;
}

}  // namespace

int main(int argc, char** argv) {
  cli::forbid_core_dumps();
  base::lock_secret_memory();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (ulimit -f) is an error of write, no end
  const auto [line, exit_code] = cli::parse_command_line(argc, argv);
  if (!line) return exit_code;
  const auto format = line->json ? cli::OutputFormat::json : cli::OutputFormat::text;
  if (line->command == cli::Command::version) return cli::run_version(format);
  if (line->command == cli::Command::hash) return cli::run_hash();
  if (line->command == cli::Command::check) return cli::run_check(line->file, format);
  const cli::LoadedSettings loaded = needs_secrets(line->command)
                                         ? cli::load_checked_settings(line->file)
                                         : cli::load_settings(line->file);
  if (!loaded.settings) {
    say(loaded.problems);
    return configuration_error;
  }
  switch (line->command) {
    case cli::Command::login:
      return cli::run_login(*loaded.settings, line->name);
    case cli::Command::unlock:
      return cli::run_unlock(*loaded.settings, line->name);
    case cli::Command::explain:
      return cli::run_explain(loaded.settings, line->question);
    case cli::Command::routes:
      return cli::run_routes(*loaded.settings);
    default:
      return run(*line, loaded.settings);
  }
}
