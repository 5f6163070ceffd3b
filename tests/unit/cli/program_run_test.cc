// The programs of certificates and keys beside a real loop.

#include "proxy/cli/program_run.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/no_threads.h"

namespace vsaproxy::cli {
namespace {

base::SecretRef script(std::string text) {
  base::SecretRef ref{base::SecretRef::Kind::command, "/bin/sh", {}};
  ref.command = {{"-c", std::move(text)}, std::chrono::seconds(60)};
  return ref;
}

struct Bench {
  // Notes what it was told, and ends the loop.
  ProgramRun::Callback note() {
    return [this](const base::Result<ops::PrintedTexts>& printed) {
      told.push_back(printed ? "" : printed.error().detail);
      loop.stop();
    };
  }

  net::LibeventLoop loop;
  ProgramRun run{loop};
  std::vector<std::string> told;
};

TEST_CASE("who needs programs is called back from the loop, and may start others") {
  Bench bench;
  bench.run.start({script("echo a")}, [&](const base::Result<ops::PrintedTexts>& printed) {
    CHECK(printed);
    CHECK_FALSE(bench.run.is_under_way());
    bench.run.start({script("exit 3")}, bench.note());
  });
  CHECK(bench.run.is_under_way());
  CHECK(bench.told.empty());
  bench.loop.run();
  CHECK(bench.told == std::vector<std::string>{"0:0 command /bin/sh failed with exit status 3"});
}

TEST_CASE("who needs no program does not wait") {
  Bench bench;
  bench.run.start({}, bench.note());
  CHECK(bench.told == std::vector<std::string>{""});
}

TEST_CASE("programs for which there is no thread are an error at once") {
  Bench bench;
  const NoThreads none;
  bench.run.start({script("echo a")}, bench.note());
  CHECK_FALSE(bench.run.is_under_way());
  CHECK(bench.told ==
        std::vector<std::string>{"the programs that print keys can't be run: no thread "
                                 "can be started: Resource temporarily unavailable"});
}

TEST_CASE("a program that hangs ends with who needed it, who is not called back") {
  Bench bench;
  bench.run.start({script("sleep 1000")}, bench.note());
  const auto begun = std::chrono::steady_clock::now();
  bench.run.stop();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
  bench.loop.stop();
  bench.loop.run();
  CHECK(bench.told.empty());
}

}  // namespace
}  // namespace vsaproxy::cli
