// How long the refusals of a fresh session are believed to be the path's own.

#include <fmt/format.h>

#include <string_view>

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {

TEST_CASE(
    "without a check an acquittal ends after a minute: one more login finds out what is true") {
  SessionBench bench(
      "", "    type: kaseya-soap\n    username: demo\n    password: {file: demo.pass}\n");
  const auto let_in = [&bench](std::string_view session) {
    bench.answer(200,
                 fmt::format("<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body>"
                             "<AuthenticateResponse xmlns=\"KaseyaWS\"><AuthenticateResult>"
                             "<SessionID>{}</SessionID></AuthenticateResult>"
                             "</AuthenticateResponse></Body></Envelope>",
                             session));
  };
  bench.start();
  let_in("1");
  bench.session().acquit(1);
  bench.loop.advance(seconds(59));
  bench.session().suspect(1);
  bench.session().refused(1);
  bench.loop.settle();
  CHECK(bench.state().acquitted);
  REQUIRE(bench.sent == 1);
  bench.loop.advance(seconds(1));
  REQUIRE_FALSE(bench.state().acquitted);
  CHECK(bench.sent == 1);
  bench.session().refused(1);
  let_in("2");
  CHECK(bench.sent == 2);
  SECTION("the path answers so: it is acquitted again, for as long") {
    bench.session().acquit(2);
    bench.loop.advance(seconds(59));
    CHECK(bench.state().acquitted);
  }
  SECTION("the session had ended: a fresh one is not acquitted") {
    bench.loop.advance(minutes(2));
    CHECK_FALSE(bench.state().acquitted);
  }
}

}  // namespace vsaproxy::tokens
