// Programs that print secrets, run by a real loop. Each run leaves a line in a file.

#include "proxy/tokens/secret_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/no_threads.h"
#include "tests/unit/ops/temporary_folder.h"

namespace vsaproxy::tokens {
namespace {

using base::SecretRef;

class Bench {
 public:
  Bench() : log_(open_log()), store(std::make_unique<SecretStore>(loop, *log_)) {}

  // Prints what the file says and notes that it ran.
  SecretRef printing(const std::string& value, base::Duration max_age = std::chrono::hours(1)) {
    set_value(value);
    return script("echo run >> " + (folder / "runs") + "; cat " + (folder / "value"), max_age);
  }
  SecretRef script(std::string text, base::Duration max_age = std::chrono::hours(1)) const {
    SecretRef ref{SecretRef::Kind::command, "/bin/sh", {}};
    ref.command = {{"-c", std::move(text)}, std::chrono::seconds(60), max_age};
    return ref;
  }
  void set_value(const std::string& value) const { folder.write("value", value); }
  long runs() const {
    const std::string lines = ops::read_text(folder / "runs");
    return std::count(lines.begin(), lines.end(), '\n');
  }

  // Turns the loop until that many fetches are done.
  void wait_for(int count) {
    while (done < count) loop.run();
  }
  std::function<void()> count_done() {
    return [this] {
      ++done;
      loop.stop();
    };
  }
  // True if something had to be run.
  bool fetch(const std::vector<SecretRef>& refs) {
    const auto handle = store->fetch(refs, count_done());
    if (handle) wait_for(done + 1);
    return handle != nullptr;
  }
  // Turns the loop until the stamp is another one, for a minute at most.
  std::uint64_t await_stamp(const SecretRef& ref, std::uint64_t known) {
    const auto timer = loop.make_timer([this] { loop.stop(); });
    for (int i = 0; i < 6000 && store->stamp(ref) == known; ++i) {
      timer->start(std::chrono::milliseconds(10));
      loop.run();
    }
    return store->stamp(ref);
  }

 private:
  std::unique_ptr<ops::Log> open_log() {
    settings::Log log;
    log.output = {settings::LogOutput::Kind::file, folder / "log"};
    return std::move(*ops::Log::open(log));
  }

 public:
  ops::TemporaryFolder folder;
  net::LibeventLoop loop;
  int done = 0;

 private:
  std::unique_ptr<ops::Log> log_;

 public:
  std::unique_ptr<SecretStore> store;
};

TEST_CASE("a program runs once for all who ask, and what it printed is kept") {
  Bench bench;
  const SecretRef ref = bench.printing("hunter2");
  CHECK(bench.store->stamp(ref) == 0);
  const auto first = bench.store->fetch({{ref}}, bench.count_done());
  const auto second = bench.store->fetch({{ref}}, bench.count_done());
  CHECK(bench.done == 0);
  bench.wait_for(2);
  CHECK(bench.runs() == 1);
  CHECK(bench.store->read(ref)->reveal() == "hunter2");
  CHECK_FALSE(bench.fetch({ref}));
  CHECK(bench.store->stamp(ref) == 1);
  CHECK(bench.runs() == 1);
}

TEST_CASE("a program whose value is too old runs again") {
  Bench bench;
  const SecretRef ref = bench.printing("old", base::Duration::zero());
  CHECK(bench.fetch({ref}));
  bench.set_value("new");
  CHECK(bench.fetch({ref}));
  CHECK(bench.store->read(ref)->reveal() == "new");
}

TEST_CASE("who waits for several programs hears when the last has ended") {
  Bench bench;
  const std::vector<SecretRef> refs = {bench.printing("a"), bench.script("sleep 0.3; echo b")};
  CHECK(bench.fetch(refs));
  CHECK(bench.store->read(refs[0])->reveal() == "a");
  CHECK(bench.store->read(refs[1])->reveal() == "b");
}

TEST_CASE("who no longer waits is not called") {
  Bench bench;
  const SecretRef ref = bench.printing("a");
  auto first = bench.store->fetch({{ref}}, bench.count_done());
  const auto second = bench.store->fetch({{ref}}, bench.count_done());
  first.reset();
  bench.wait_for(1);
  CHECK(bench.done == 1);
}

TEST_CASE("a value that was refused is asked for again, and only another one is news") {
  Bench bench;
  const SecretRef ref = bench.printing("a");
  bench.fetch({ref});
  CHECK(bench.store->stamp(ref) == 1);
  bench.store->doubt(ref);
  CHECK(bench.fetch({ref}));
  CHECK(bench.store->stamp(ref) == 1);
  bench.store->doubt(ref);
  bench.set_value("b");
  CHECK(bench.await_stamp(ref, 1) == 2);
  CHECK(bench.store->read(ref)->reveal() == "b");
}

TEST_CASE("a program that fails is told to who waits, and is tried again when it is needed") {
  Bench bench;
  const SecretRef ref = bench.script("cat " + (bench.folder / "value"));
  CHECK(bench.fetch({ref}));
  REQUIRE_FALSE(bench.store->read(ref));
  CHECK(bench.store->read(ref).error().detail == "command /bin/sh failed with exit status 1");
  bench.set_value("a");
  CHECK(bench.fetch({ref}));
  CHECK(bench.store->read(ref)->reveal() == "a");
}

TEST_CASE("what nobody has fetched is run when it is read") {
  Bench bench;
  const SecretRef ref = bench.printing("a");
  CHECK(bench.store->read(ref)->reveal() == "a");
  CHECK(bench.store->read(ref)->reveal() == "a");
  CHECK(bench.runs() == 1);
}

TEST_CASE("a program for which there is no thread fails, and is tried again when it is needed") {
  Bench bench;
  const SecretRef ref = bench.printing("a");
  {
    const NoThreads none;
    CHECK_FALSE(bench.fetch({ref}));
    REQUIRE_FALSE(bench.store->read(ref));
    CHECK(bench.store->read(ref).error().detail ==
          "command /bin/sh can't be run: no thread can be started: "
          "Resource temporarily unavailable");
  }
  CHECK(bench.fetch({ref}));
  CHECK(bench.store->read(ref)->reveal() == "a");
}

TEST_CASE("a value that is too old stays while there is no thread to ask for another") {
  Bench bench;
  const SecretRef ref = bench.printing("a", base::Duration::zero());
  CHECK(bench.fetch({ref}));
  const NoThreads none;
  CHECK(bench.store->stamp(ref) == 1);
  CHECK_FALSE(bench.store->read(ref));
}

TEST_CASE("programs end with the store") {
  Bench bench;
  const SecretRef ref = bench.script("sleep 1000");
  const auto begun = std::chrono::steady_clock::now();
  auto fetch = bench.store->fetch({{ref}}, bench.count_done());
  fetch.reset();
  bench.store.reset();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
  bench.loop.stop();
  bench.loop.run();  // what the thread has posted finds nobody
  CHECK(bench.done == 0);
}

}  // namespace
}  // namespace vsaproxy::tokens
