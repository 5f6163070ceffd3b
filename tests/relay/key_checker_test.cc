// The thread that tries API keys, with the real loop: other tests have a checker without a thread.

#include "proxy/relay/key_checker.h"

#include <catch2/catch.hpp>
#include <utility>

#include "proxy/net/event_loop.h"
#include "tests/support/ensure.h"
#include "tests/support/no_threads.h"

namespace vsaproxy::relay {
namespace {

// Made with Python's hashlib.scrypt, cheap enough for tests. Of "a-tool-key".
const std::string cheap_hash =
    "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$+3ziy1Wmji2oCzVVenfBWXOy9dNBlkmWtjj109OYn2g";

auth::KeyHash hash_of(std::string text) {
  const auto hash = auth::parse_key_hash(text);
  ensure(hash.has_value(), "the hash is one");
  return *hash;
}

// The hash of no key that anybody has.
auth::KeyHash nobodys_hash() {
  auth::KeyHash hash = hash_of(cheap_hash);
  hash.hash.front() = static_cast<char>(hash.hash.front() ^ 1);
  return hash;
}

KeyRingPtr ring_of(std::vector<KeyRing::Key> keys) {
  return std::make_shared<const KeyRing>(KeyRing{"X-Key", std::move(keys)});
}

KeyRingPtr tools_ring() {
  return ring_of({{"first", nobodys_hash()}, {"tool", hash_of(cheap_hash)}});
}

ShownKey shown(std::string key, std::optional<std::string> name = std::nullopt) {
  return {std::move(name), base::Secret(std::move(key))};
}

struct Bench {
  // What comes of a check; the loop runs until then.
  KeyChecker::Verdict verdict_of(KeyRingPtr ring, ShownKey key) {
    KeyChecker::Verdict result;
    bool is_inside = true;
    const auto check = checker.check(loop, std::move(ring), std::move(key), [&](auto verdict) {
      CHECK_FALSE(is_inside);
      result = std::move(verdict);
      loop.stop();
    });
    is_inside = false;
    REQUIRE(check);
    loop.run();
    return result;
  }

  net::LibeventLoop loop;
  KeyCheckThread checker;  // ends before the loop
};

}  // namespace

TEST_CASE("a key is found by itself, or by its name and itself") {
  Bench bench;
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key")) == "tool");
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key", "tool")) == "tool");
}

TEST_CASE("where there is no thread for checks none is begun, until there is one") {
  Bench bench;
  {
    const NoThreads none;
    CHECK(bench.checker.check(bench.loop, tools_ring(), shown("a-tool-key"), [](auto) {}) ==
          nullptr);
  }
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key")) == "tool");
}

TEST_CASE("another key is nobody's, and a key is not another name's") {
  Bench bench;
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-kez")) == std::nullopt);
  CHECK(bench.verdict_of(tools_ring(), shown("")) == std::nullopt);
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key", "first")) == std::nullopt);
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key", "unknown")) == std::nullopt);
}

TEST_CASE("a key that was right is known again without a check, and only where it is right") {
  Bench bench;
  const KeyRingPtr ring = tools_ring();
  CHECK(bench.checker.recall(*ring, shown("a-tool-key")) == std::nullopt);
  REQUIRE(bench.verdict_of(ring, shown("a-tool-key")) == "tool");
  CHECK(bench.checker.recall(*ring, shown("a-tool-key")) == "tool");
  CHECK(bench.checker.recall(*ring, shown("a-tool-key", "tool")) == "tool");
  CHECK(bench.checker.recall(*ring, shown("a-tool-key", "first")) == std::nullopt);
  CHECK(bench.checker.recall(*ring, shown("a-tool-kez")) == std::nullopt);
  // The key was taken out of the configuration, or has another name there.
  CHECK(bench.checker.recall(*ring_of({{"tool", nobodys_hash()}}), shown("a-tool-key")) ==
        std::nullopt);
  CHECK(bench.checker.recall(*ring_of({{"renamed", hash_of(cheap_hash)}}), shown("a-tool-key")) ==
        std::nullopt);
}

TEST_CASE("a key that was wrong is tried each time") {
  Bench bench;
  const KeyRingPtr ring = tools_ring();
  CHECK(bench.verdict_of(ring, shown("wrong")) == std::nullopt);
  CHECK(bench.checker.recall(*ring, shown("wrong")) == std::nullopt);
}

TEST_CASE("who withdraws a check is not called, and later ones are") {
  Bench bench;
  bool is_called = false;
  auto withdrawn = bench.checker.check(bench.loop, tools_ring(), shown("a-tool-key"),
                                       [&](const auto&) { is_called = true; });
  REQUIRE(withdrawn);
  withdrawn.reset();
  CHECK(bench.verdict_of(tools_ring(), shown("a-tool-key")) == "tool");
  CHECK_FALSE(is_called);
}

TEST_CASE("so many hashes wait and no more, and who is known need not wait") {
  Bench bench;
  const KeyRingPtr ring = tools_ring();
  REQUIRE(bench.verdict_of(ring, shown("a-tool-key")) == "tool");
  // Trying all of them takes far longer than asking for the next ones.
  const std::vector<KeyRing::Key> many(KeyCheckThread::most_waiting, {"key", nobodys_hash()});
  const auto ignore = [](const auto&) {};
  const auto first = bench.checker.check(bench.loop, ring_of(many), shown("x"), ignore);
  REQUIRE(first);
  CHECK_FALSE(bench.checker.check(bench.loop, ring, shown("x"), ignore));
  CHECK_FALSE(bench.checker.check(bench.loop, ring, shown("x", "tool"), ignore));
  CHECK(bench.checker.recall(*ring, shown("a-tool-key")) == "tool");
}

TEST_CASE("a ring of more keys than may wait is tried when nobody waits") {
  Bench bench;
  std::vector<KeyRing::Key> many(KeyCheckThread::most_waiting, {"key", nobodys_hash()});
  many.push_back({"last", hash_of(cheap_hash)});
  CHECK(bench.verdict_of(ring_of(many), shown("a-tool-key")) == "last");
}

TEST_CASE("a checker that ends does not try what still waits") {
  net::LibeventLoop loop;
  int calls = 0;
  std::vector<std::unique_ptr<KeyChecker::Check>> checks;
  {
    KeyCheckThread checker;
    for (std::size_t i = 0; i < KeyCheckThread::most_waiting / 2; ++i) {
      checks.push_back(
          checker.check(loop, tools_ring(), shown("a-tool-key"), [&](const auto&) { ++calls; }));
    }
  }
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(calls < static_cast<int>(checks.size()));
}

}  // namespace vsaproxy::relay
