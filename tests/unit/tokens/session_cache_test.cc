#include "proxy/tokens/session_cache.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {
namespace {

// Processes that share a cache. Each has its clocks, which a test turns together.
class SharedCache {
 public:
  std::string path() const { return folder_ / "vsa.session"; }
  std::string lines(std::string_view more = "") const {
    return fmt::format(
        "    max_age: 100s\n    renew_before: 20s\n    cache: {{file: {}, key: {{file: "
        "cache.key}}}}\n{}",
        path(), more);
  }
  void write(std::string_view text, mode_t mode = 0600) const {
    folder_.write("vsa.session", text, mode);
  }
  std::string text() const { return ops::read_text(path()); }
  // What a process that logged in has left.
  void fill(std::string_view token = "kept") const {
    SessionBench bench(lines());
    bench.start();
    bench.succeed(token);
    REQUIRE_FALSE(text().empty());
  }
  const ops::TemporaryFolder& folder() const { return folder_; }

 private:
  ops::TemporaryFolder folder_;
};

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

constexpr std::string_view oauth2_lines =
    "    type: oauth2\n    token_url: https://login.example.com/token\n    client_id: demo\n"
    "    client_secret: {file: demo.pat}\n";

std::string oauth2_answer(std::string_view token, std::string_view refresh_token) {
  return fmt::format(
      R"({{"access_token":"{}","token_type":"Bearer","expires_in":100,"refresh_token":"{}"}})",
      token, refresh_token);
}

}  // namespace

TEST_CASE("the next process goes on with the session and logs in when that is refused") {
  const SharedCache cache;
  cache.fill();
  SessionBench next(cache.lines());
  next.wall_shift = seconds(30);
  next.start();
  CHECK(next.sent == 0);
  CHECK(next.session().is_ready());
  CHECK(next.bearer() == "Bearer kept");
  CHECK(next.state().credential->expires == next.loop.now() + seconds(70));
  CHECK(next.state().credential->fingerprint == "print");
  CHECK(next.count("ok") == 0);
  next.session().refused(1);
  next.succeed("new");
  CHECK(next.bearer() == "Bearer new");
  CHECK(next.state().credential->generation == 2);
  CHECK(next.count("ok") == 1);
}

TEST_CASE("a session from the cache is renewed when it would have been") {
  const SharedCache cache;
  cache.fill();
  SessionBench next(cache.lines());
  next.wall_shift = seconds(30);
  next.start();
  next.session().used(1);
  next.loop.advance(seconds(49));
  CHECK(next.sent == 0);
  next.loop.advance(seconds(1));
  CHECK(next.sent == 1);
}

TEST_CASE("a session whose time to renew has passed is renewed with its first use") {
  const SharedCache cache;
  cache.fill();
  SessionBench next(cache.lines());
  next.wall_shift = seconds(90);
  next.start();
  CHECK(next.sent == 0);
  CHECK(next.bearer() == "Bearer kept");
  next.session().used(1);
  next.loop.settle();
  CHECK(next.sent == 1);
}

TEST_CASE("an expired session, and one from the future, cost one login") {
  for (const seconds shift : {seconds(100), seconds(1'000'000'000), seconds(-3600)}) {
    const SharedCache cache;
    cache.fill();
    SessionBench next(cache.lines());
    next.wall_shift = shift;
    next.start();
    CHECK(next.sent == 1);
    next.succeed("new");
    CHECK(next.bearer() == "Bearer new");
  }
}

TEST_CASE("of two processes that start together one logs in") {
  const SharedCache cache;
  SessionBench first(cache.lines());
  SessionBench second(cache.lines());
  first.start();
  second.start();
  CHECK(first.sent == 1);
  second.loop.advance(seconds(1));
  CHECK(second.sent == 0);
  first.succeed("one");
  second.loop.advance(SessionCache::lock_pause);
  CHECK(second.sent == 0);
  CHECK(second.bearer() == "Bearer one");
  CHECK(second.state().block == std::nullopt);
}

TEST_CASE("of two processes whose session is refused one logs in") {
  const SharedCache cache;
  cache.fill();
  SessionBench first(cache.lines());
  SessionBench second(cache.lines());
  first.start();
  second.start();
  first.session().refused(1);
  first.loop.settle();
  second.session().refused(1);
  second.loop.settle();
  CHECK(first.sent + second.sent == 1);
  first.succeed("new");
  second.loop.advance(SessionCache::lock_pause);
  CHECK(second.sent == 0);
  CHECK(second.bearer() == "Bearer new");
  SECTION("and again") {
    second.session().refused(2);
    second.succeed("newer");
    first.session().refused(2);
    first.loop.settle();
    CHECK(first.sent == 1);
    CHECK(first.bearer() == "Bearer newer");
  }
  SECTION("and if that one is refused at once the other one does") {
    second.session().refused(2);
    second.loop.settle();
    CHECK(second.sent == 1);
  }
}

TEST_CASE("a path that always answers 401 costs each of two processes one login, and no more") {
  const SharedCache cache;
  cache.fill();
  SessionBench first(cache.lines());
  SessionBench second(cache.lines());
  first.start();
  second.start();
  first.session().refused(1);
  first.succeed("of-the-first");
  first.session().acquit(2);
  second.session().poll();
  second.session().refused(2);
  second.succeed("of-the-second");
  second.session().acquit(3);
  for (int i = 0; i < 3; ++i) {
    for (SessionBench* bench : {&first, &second}) {
      bench->session().poll();
      bench->session().refused(bench->state().credential->generation);
      bench->loop.settle();
    }
  }
  CHECK(first.sent + second.sent == 2);
  CHECK(first.bearer() == "Bearer of-the-second");
}

TEST_CASE("a login of another process is noticed without being asked") {
  const SharedCache cache;
  SessionBench waiting(cache.lines());
  waiting.start();
  waiting.reject();
  CHECK(waiting.state().block.has_value());
  cache.fill("theirs");
  waiting.session().poll();
  CHECK(waiting.bearer() == "Bearer theirs");
  CHECK_FALSE(waiting.state().block.has_value());
  CHECK(waiting.sent == 1);
}

TEST_CASE("who fails to log in lets the other one try") {
  const SharedCache cache;
  SessionBench first(cache.lines());
  SessionBench second(cache.lines());
  first.start();
  second.start();
  first.fail_on_the_way();
  second.loop.advance(SessionCache::lock_pause);
  CHECK(second.sent == 1);
  second.succeed("one");
  first.loop.advance(seconds(1));
  CHECK(first.sent == 1);
  CHECK(first.bearer() == "Bearer one");
}

TEST_CASE("a lock that is held for longer than login_timeout is a failure that passes") {
  const SharedCache cache;
  SessionBench first(cache.lines());
  SessionBench second(cache.lines());
  first.start();
  second.start();
  second.loop.advance(seconds(10));
  REQUIRE(second.state().block.has_value());
  CHECK(second.state().block->error.kind == ErrorKind::login_unavailable);
  CHECK(second.state().block->error.detail.find(cache.path() + ".lock") != std::string::npos);
  first.end_session();  // a process that ends leaves no lock
  second.loop.advance(seconds(1));
  CHECK(second.sent == 1);
}

TEST_CASE("a command logs in whatever the cache has, and others take its session") {
  const SharedCache cache;
  cache.fill();
  SessionBench running(cache.lines());
  running.start();
  SessionBench command(cache.lines());
  command.session().log_in();
  CHECK(command.sent == 1);
  command.succeed("mine");
  CHECK(command.bearer() == "Bearer mine");
  running.session().poll();
  CHECK(running.bearer() == "Bearer mine");
  CHECK(running.sent == 0);
}

TEST_CASE("a refresh token is on disk before its session is in use, and serves the next process") {
  const SharedCache cache;
  {
    SessionBench bench(cache.lines(), oauth2_lines);
    bench.start();
    bench.answer(200, oauth2_answer("one", "first-refresh"));
  }
  const std::string before = cache.text();
  SessionBench next(cache.lines(), oauth2_lines);
  next.wall_shift = seconds(1000);
  next.start();
  REQUIRE(next.sent == 1);
  CHECK(next.remaining() == 2);  // a refresh spends nothing
  std::string on_disk;
  next.on_publish = [&] { on_disk = cache.text(); };
  next.answer(200, oauth2_answer("two", "second-refresh"));
  CHECK(next.bearer() == "Bearer two");
  CHECK(on_disk == cache.text());
  CHECK(on_disk != before);
}

TEST_CASE("a file that can't be used is warned of once and replaced by the next login") {
  const SharedCache cache;
  SessionBench bench(cache.lines());
  SECTION("damaged") { cache.write("nonsense"); }
  SECTION("too large") { cache.write(std::string(600 * 1024, 'x')); }
  SECTION("open to others") {
    cache.fill();
    REQUIRE(::chmod(cache.path().c_str(), 0644) == 0);
  }
  SECTION("sealed with another key") {
    cache.fill();
    bench.cache_key = "another text, as long as needed";
  }
  SECTION("of another account") {
    SessionBench other(cache.lines(),
                       "    type: kaseya-vsa9\n    username: other\n"
                       "    token: {file: demo.pat}\n");
    other.start();
    other.succeed();
  }
  bench.start();
  CHECK(bench.sent == 1);
  bench.session().poll();
  bench.succeed("new");
  SessionBench next(cache.lines());
  next.cache_key = bench.cache_key;
  next.start();
  CHECK(next.sent == 0);
  CHECK(next.bearer() == "Bearer new");
  const std::string log = bench.log_text();
  CHECK(count_of(log, " warn ") == 1);
  CHECK(log.find(cache.path()) != std::string::npos);
}

TEST_CASE("a cache that can't be written leaves the session working, with one warning") {
  const SharedCache cache;
  SECTION("no directory") {
    cache.folder().write("vsa.session", "");
    SessionBench bench(
        fmt::format("    cache: {{file: {}/below, key: {{file: cache.key}}}}\n", cache.path()));
    bench.start();
    bench.succeed("one");
    bench.session().refused(1);
    bench.succeed("two");
    CHECK(bench.bearer() == "Bearer two");
    CHECK(count_of(bench.log_text(), " warn ") == 1);
  }
  SECTION("no file") {
    std::filesystem::create_directories(cache.path() + "/full");
    SessionBench bench(cache.lines());
    bench.start();
    bench.succeed("one");
    bench.session().refused(1);
    bench.succeed("two");
    CHECK(bench.bearer() == "Bearer two");
    CHECK(count_of(bench.log_text(), "is not kept on disk") == 1);
  }
  SECTION("a key that is too short") {
    SessionBench bench(cache.lines());
    bench.cache_key = "fifteen letters";
    bench.start();
    bench.succeed("one");
    CHECK(bench.bearer() == "Bearer one");
    CHECK(count_of(bench.log_text(), "fewer than 16 characters") == 1);
    CHECK_FALSE(std::filesystem::exists(cache.path()));
  }
}

TEST_CASE("a session of the past that stays in the file is not taken twice") {
  const SharedCache cache;
  cache.fill("old");
  SessionBench bench(cache.lines());
  bench.start();
  // From here on nothing can be written.
  std::filesystem::create_directories(cache.path() + ".tmp/full");
  bench.session().refused(1);
  bench.succeed("new");
  REQUIRE(::chmod(cache.path().c_str(), 0600) == 0);  // which looks like a change
  bench.session().refused(2);
  bench.loop.settle();
  CHECK(bench.sent == 2);
  CHECK(bench.bearer() == "Bearer new");
}

TEST_CASE("neither the token nor the key's text is in the file") {
  const SharedCache cache;
  cache.fill("a-token-to-look-for");
  const std::string text = cache.text();
  for (const std::string_view part : {"a-token", "look-for", "Bearer", "a text of", "secret"}) {
    CHECK(text.find(part) == std::string::npos);
  }
  struct stat status {};
  REQUIRE(::stat(cache.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("a new text of the key is used from the next login on") {
  const SharedCache cache;
  SessionBench bench(cache.lines());
  bench.start();
  bench.succeed("one");
  bench.cache_key = "another text, as long as needed";
  bench.session().refused(1);
  bench.succeed("two");
  SessionBench next(cache.lines());
  next.cache_key = bench.cache_key;
  next.start();
  CHECK(next.sent == 0);
  CHECK(next.bearer() == "Bearer two");
}

}  // namespace vsaproxy::tokens
