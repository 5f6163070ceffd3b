#include "proxy/cli/check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "proxy/cli/load_settings.h"

namespace vsaproxy::cli {
namespace {

// A folder of its own, gone with the object.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "vsaproxy-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, std::string_view text, ::mode_t mode = 0600) const {
    const auto file = (path_ / name).string();
    std::ofstream(file, std::ios::binary) << text;
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    return file;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Sets a variable of the environment, or removes it, for a while.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

constexpr std::string_view file_text = R"(version: 1
listen: 127.0.0.1:3128
upstreams:
  vsa:
    url: https://vsa.example.com
    tls: {ca: {file: ca.pem}}
    auth:
      type: kaseya-vsa9
      username: svc
      token: {file: vsa.pat}
)";

TEST_CASE("a file that is not there is a problem, not an end") {
  const auto loaded = load_settings("/nonexistent/vsaproxy.yaml");
  CHECK(loaded.settings == nullptr);
  CHECK(loaded.problems ==
        "/nonexistent/vsaproxy.yaml:1:1: the file cannot be read: No such file or directory\n");
  const Folder folder;
  CHECK(load_settings(folder.path()).problems ==
        folder.path() + ":1:1: the file is not a regular file\n");
}

TEST_CASE("a file beyond the limit is not read whole") {
  const Folder folder;
  const auto loaded = load_settings(folder.write("big.yaml", std::string(3 << 20, '\n')));
  CHECK(loaded.settings == nullptr);
  CHECK(loaded.text.size() == (1 << 20) + 1);
  REQUIRE(loaded.list.size() == 1);
  CHECK(loaded.list[0].message == "the file is larger than 1 MiB: that is no configuration");
}

TEST_CASE("written directories win over those of systemd") {
  const Folder folder;
  const Variable state("STATE_DIRECTORY", "/run/state-one:/run/state-two");
  const Variable runtime("RUNTIME_DIRECTORY", "/run/runtime-one");
  const auto given = load_settings(folder.write("a.yaml", file_text));
  REQUIRE(given.settings != nullptr);
  CHECK(given.settings->state_dir == "/run/state-one");
  CHECK(given.settings->runtime_dir == "/run/runtime-one");
  const auto written = load_settings(folder.write(
      "b.yaml", std::string(file_text) + "state_dir: /srv/state\nruntime_dir: /srv/run\n"));
  REQUIRE(written.settings != nullptr);
  CHECK(written.settings->state_dir == "/srv/state");
  CHECK(written.settings->runtime_dir == "/srv/run");
}

TEST_CASE("without systemd root gets the system's directories and others those of XDG") {
  const Folder folder;
  const Variable state("STATE_DIRECTORY", nullptr), runtime("RUNTIME_DIRECTORY", nullptr);
  const Variable xdg_state("XDG_STATE_HOME", "/xdg/state"), xdg_runtime("XDG_RUNTIME_DIR", nullptr);
  const auto loaded = load_settings(folder.write("a.yaml", file_text));
  REQUIRE(loaded.settings != nullptr);
  const bool is_root = ::geteuid() == 0;
  CHECK(loaded.settings->state_dir == (is_root ? "/var/lib/vsaproxy" : "/xdg/state/vsaproxy"));
  CHECK(loaded.settings->runtime_dir == (is_root ? "/run/vsaproxy" : "/xdg/state/vsaproxy/run"));
}

TEST_CASE("a session cache stands in the state directory unless its path is absolute") {
  const Folder folder;
  const auto file_of = [&](std::string_view name) {
    const auto loaded = load_settings(
        folder.write("a.yaml", fmt::format("{}      cache: {{file: {}, key: {{file: cache.key}}}}\n"
                                           "state_dir: /srv/state\n",
                                           file_text, name)));
    REQUIRE(loaded.settings != nullptr);
    return loaded.settings->credentials.at(0).cache->file;
  };
  CHECK(file_of("vsa.session") == "/srv/state/vsa.session");
  CHECK(file_of("/srv/shared/vsa.session") == "/srv/shared/vsa.session");
}

TEST_CASE("a key of a session cache that is easy to guess is a problem") {
  const Folder folder;
  folder.write("ca.pem", "x");
  folder.write("vsa.pat", "x");
  const auto problems_with = [&](std::string_view key) {
    folder.write("cache.key", key);
    const auto loaded = load_settings(folder.write(
        "a.yaml", std::string(file_text) + "      cache: {file: a, key: {file: cache.key}}\n"));
    REQUIRE(loaded.settings != nullptr);
    return check_references(*loaded.settings, loaded.text);
  };
  CHECK(problems_with("sixteen letters.\n").empty());
  const auto problems = problems_with("fifteen letters\n");
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].place.line == 11);
  CHECK(problems[0].message.find("fewer than 16 characters") != std::string::npos);
}

TEST_CASE("references that can't be read are problems at their place") {
  const Folder folder;
  const auto file = folder.write("a.yaml", file_text);
  const auto loaded = load_settings(file);
  REQUIRE(loaded.settings != nullptr);
  const auto problems = check_references(*loaded.settings, loaded.text);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].place.line == 6);
  CHECK(problems[0].place.column == 11);
  CHECK(problems[0].length == 2);
  CHECK(problems[1].place.line == 10);
  CHECK(problems[1].place.column == 7);
  CHECK(problems[1].length == 5);
  CHECK(run_check(file, OutputFormat::text) == 3);
}

TEST_CASE("problems as JSON are one line that programs can read") {
  CHECK(problems_as_json({}, "a.yaml") == R"({"ok":true,"problems":[]})");
  CHECK(problems_as_json({{{3, 5}, 2, "unknown key \"x\""}}, "dir/a \"b\".yaml") ==
        R"({"ok":false,"problems":[{"file":"dir/a \"b\".yaml","line":3,"column":5,)"
        R"("message":"unknown key \"x\""}]})");
}

TEST_CASE("a secret that everybody can read is a problem, a certificate is not") {
  const Folder folder;
  const auto file = folder.write("a.yaml", file_text);
  folder.write("ca.pem", "certificate", 0644);
  folder.write("vsa.pat", "0123", 0644);
  const auto loaded = load_settings(file);
  REQUIRE(loaded.settings != nullptr);
  const auto problems = check_references(*loaded.settings, loaded.text);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].place.line == 10);
  CHECK(problems[0].message.find("0123") == std::string::npos);
  folder.write("vsa.pat", "0123", 0600);
  CHECK(check_references(*loaded.settings, loaded.text).empty());
  CHECK(run_check(file, OutputFormat::text) == 0);
}

}  // namespace
}  // namespace vsaproxy::cli
