#include "proxy/ops/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/unit/ops/temporary_folder.h"

using namespace vsaproxy;
using namespace vsaproxy::ops;
using settings::LogFormat;
using settings::LogOutput;

namespace {

settings::Log to_file(const std::string& path) {
  settings::Log settings;
  settings.output = {LogOutput::Kind::file, path};
  return settings;
}

std::unique_ptr<Log> open(const settings::Log& settings) {
  auto log = Log::open(settings);
  REQUIRE(log);
  return *std::move(log);
}

std::ptrdiff_t lines_in(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST_CASE("what is queued is written before the log goes") {
  const TemporaryFolder folder;
  const std::string path = folder / "log";
  auto log = open(to_file(path));
  for (int i = 0; i < 1000; ++i) log->write(LogLevel::info, "line", {{"n", std::to_string(i)}});
  log.reset();
  const std::string text = read_text(path);
  CHECK(lines_in(text) == 1000);
  CHECK(text.find(" info  line n=0\n") != std::string::npos);
  CHECK(text.ends_with(" info  line n=999\n"));
}

TEST_CASE("lines below the level and unwanted access lines are left out") {
  const TemporaryFolder folder;
  settings::Log settings = to_file(folder / "log");
  settings.level = LogLevel::warning;
  settings.access = false;
  auto log = open(settings);
  log->write(LogLevel::debug, "no");
  log->write(LogLevel::info, "no");
  log->access({});
  log->write(LogLevel::warning, "yes");
  log->write(LogLevel::error, "yes");
  log.reset();
  const std::string text = read_text(folder / "log");
  CHECK(lines_in(text) == 2);
  CHECK(text.find("no") == std::string::npos);
}

TEST_CASE("an existing file is appended to, and nobody else may read it") {
  const TemporaryFolder folder;
  const std::string path = folder.write("log", "before\n", 0600);
  open(to_file(path))->write(LogLevel::info, "after");
  CHECK(read_text(path).starts_with("before\n"));
  CHECK(lines_in(read_text(path)) == 2);
  open(to_file(folder / "fresh"))->write(LogLevel::info, "line");
  const auto mode = std::filesystem::status(folder / "fresh").permissions();
  CHECK((mode & std::filesystem::perms::others_all) == std::filesystem::perms::none);
}

TEST_CASE("a file that cannot be opened is an error that names it") {
  const TemporaryFolder folder;
  const std::string path = folder / "missing/log";
  const auto log = Log::open(to_file(path));
  REQUIRE_FALSE(log);
  CHECK(log.error().kind == base::ErrorKind::system);
  CHECK(log.error().detail.find(path) != std::string::npos);
}

TEST_CASE("after a rotation lines go to the new file") {
  const TemporaryFolder folder;
  const std::string path = folder / "log";
  auto log = open(to_file(path));
  std::filesystem::rename(path, folder / "log.1");
  REQUIRE(log->reopen());
  log->write(LogLevel::info, "new");
  log.reset();
  CHECK(lines_in(read_text(path)) == 1);
  CHECK(read_text(folder / "log.1").empty());
}

TEST_CASE("a rotation that fails keeps the file in use") {
  const TemporaryFolder folder;
  const std::string path = folder / "log";
  auto log = open(to_file(path));
  std::filesystem::rename(path, folder / "log.1");
  std::filesystem::create_directory(path);
  CHECK_FALSE(log->reopen());
  log->write(LogLevel::info, "kept");
  log.reset();
  CHECK(lines_in(read_text(folder / "log.1")) == 1);
}

TEST_CASE("new settings take effect at once, unless the new output cannot be opened") {
  const TemporaryFolder folder;
  auto log = open(to_file(folder / "one"));
  settings::Log next = to_file(folder / "two");
  next.format = LogFormat::json;
  next.level = LogLevel::error;
  REQUIRE(log->reconfigure(next));
  settings::Log impossible = to_file(folder / "missing/three");
  impossible.level = LogLevel::debug;
  CHECK_FALSE(log->reconfigure(impossible));
  log->write(LogLevel::info, "too low");
  log->write(LogLevel::error, "high");
  log.reset();
  CHECK(read_text(folder / "one").empty());
  CHECK(lines_in(read_text(folder / "two")) == 1);
  CHECK(read_text(folder / "two").find("\"message\":\"high\"") != std::string::npos);
}

TEST_CASE("many threads' lines stay whole") {
  const TemporaryFolder folder;
  auto log = open(to_file(folder / "log"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      AccessRecord record;
      const std::string id(20, static_cast<char>('a' + t));
      record.id = id;
      for (int i = 0; i < 500; ++i) log->access(record);
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.reset();
  std::ifstream file(folder / "log");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    CHECK(line.find(" access id=" + std::string(20, line[line.find("id=") + 3]) + " ") !=
          std::string::npos);
    CHECK(line.ends_with(" session=-"));
  }
  CHECK(lines == 2000);
}

// A pipe that nobody reads is the slowest of all outputs.
TEST_CASE("a queue that is full loses lines, counts them and says so") {
  const TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  std::fstream reader(path);  // both ways: opening waits for nobody
  auto log = open(to_file(path));
  const std::string long_text(64 * 1024, 'x');
  constexpr int lines = 300;  // 19 MiB
  for (int i = 0; i < lines; ++i) log->write(LogLevel::info, "long", {{"text", long_text}});
  const std::uint64_t lost = log->lost_lines();
  CHECK(lost > 100);
  CHECK(lost < lines);
  std::thread drain([&reader, lost] {
    std::uint64_t reported = 0;
    for (std::string line; reported < lost && std::getline(reader, line);) {
      const std::size_t at = line.rfind(" lines=");
      if (at != std::string::npos) reported += std::stoull(line.substr(at + 7));
    }
    CHECK(reported == lost);
  });
  drain.join();
  log.reset();
}

TEST_CASE("a disk that takes nothing costs lines, not the program") {
  auto log = open(to_file("/dev/full"));
  log->write(LogLevel::info, "line");
  log.reset();
  SUCCEED("the log ended");
}
