// Faults that time does not mend: a secret that can't be read or sent.

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {

TEST_CASE("a missing secret is no login, and is looked for again") {
  SessionBench bench;
  bench.secret_is_missing = true;
  bench.start();
  CHECK(bench.sent == 0);
  CHECK(bench.state().block->error.kind == ErrorKind::login_unavailable);
  CHECK(bench.state().block->needs_repair);
  CHECK(bench.count("transient") == 0);
  bench.secret_is_missing = false;
  SECTION("after the back-off") {
    bench.loop.advance(seconds(1));
    CHECK(bench.sent == 1);
  }
  SECTION("at once when the file appears") {
    bench.secret_stamp = 2;
    bench.session().poll();
    bench.loop.settle();
    CHECK(bench.sent == 1);
  }
}

TEST_CASE("only a fault of the configuration or of a secret is called one that needs repair") {
  SECTION("a server that is down does not") {
    SessionBench bench;
    bench.start();
    bench.fail_on_the_way();
    CHECK_FALSE(bench.state().block->needs_repair);
  }
  SECTION("a secret that cannot be sent does") {
    SessionBench bench("", "    type: header\n    name: X-Api-Key\n    value: {file: api.key}\n");
    bench.secret = "two\nlines";
    bench.start();
    REQUIRE(bench.state().block.has_value());
    CHECK(bench.state().block->needs_repair);
  }
}

}  // namespace vsaproxy::tokens
