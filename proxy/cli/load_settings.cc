#include "proxy/cli/load_settings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>

#include "proxy/base/result.h"
#include "proxy/settings/source_text.h"

namespace vsaproxy::cli {
namespace {

using base::ErrorKind;
using base::Result;

Result<std::string> read_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return base::fail(ErrorKind::configuration,
                      "cannot be read: " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return base::fail(ErrorKind::configuration, "is not a regular file");
  }
  std::ifstream input(path, std::ios::binary);
  if (!input) {
    return base::fail(ErrorKind::configuration,
                      "cannot be read: " + std::generic_category().message(errno));
  }
  // One byte more than allowed, so that the parser sees that it is too much.
  std::string text(settings::most_file_bytes + 1, '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (input.bad()) return base::fail(ErrorKind::configuration, "cannot be read to its end");
  return text;
}

// Empty if it isn't set. systemd separates several directories by colons: the first is ours.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  const std::string text = value == nullptr ? "" : value;
  return text.substr(0, text.find(':'));
}

// What the XDG base directory specification calls invalid is as if it were not set.
std::string absolute_environment(const char* name) {
  auto text = environment(name);
  return text.starts_with('/') ? text : "";
}

std::string default_state_dir() {
  if (auto given = absolute_environment("STATE_DIRECTORY"); !given.empty()) return given;
  if (::geteuid() == 0) return "/var/lib/vsaproxy";
  if (const auto xdg = absolute_environment("XDG_STATE_HOME"); !xdg.empty()) {
    return xdg + "/vsaproxy";
  }
  const auto home = absolute_environment("HOME");
  return home.empty() ? "" : home + "/.local/state/vsaproxy";
}

std::string default_runtime_dir(const std::string& state_dir) {
  if (auto given = absolute_environment("RUNTIME_DIRECTORY"); !given.empty()) return given;
  if (::geteuid() == 0) return "/run/vsaproxy";
  if (const auto xdg = absolute_environment("XDG_RUNTIME_DIR"); !xdg.empty()) {
    return xdg + "/vsaproxy";
  }
  // Never a directory that every user may write to.
  return state_dir + "/run";
}

void resolve_directories(settings::Settings& settings, std::vector<settings::Problem>& problems) {
  if (settings.state_dir.empty()) settings.state_dir = default_state_dir();
  if (settings.state_dir.empty()) {
    problems.push_back({{1, 1},
                        1,
                        "there is no place for the state: write state_dir, or set STATE_DIRECTORY, "
                        "XDG_STATE_HOME or HOME"});
  }
  if (settings.runtime_dir.empty()) settings.runtime_dir = default_runtime_dir(settings.state_dir);
  for (settings::Credential& credential : settings.credentials) {
    if (!credential.cache || credential.cache->file.starts_with('/')) continue;
    credential.cache->file = fmt::format("{}/{}", settings.state_dir, credential.cache->file);
  }
}

}  // namespace

LoadedSettings load_settings(const std::string& file) {
  LoadedSettings loaded;
  auto text = read_file(file);
  if (!text) {
    loaded.list.push_back({{1, 1}, 1, "the file " + text.error().detail});
  } else {
    loaded.text = std::move(*text);
    auto outcome = settings::parse_settings(loaded.text, file);
    loaded.list = std::move(outcome.problems);
    resolve_directories(outcome.settings, loaded.list);
    if (loaded.list.empty()) {
      loaded.settings = std::make_shared<const settings::Settings>(std::move(outcome.settings));
    }
  }
  loaded.problems = settings::describe_problems(loaded.list, loaded.text, file);
  return loaded;
}

}  // namespace vsaproxy::cli
