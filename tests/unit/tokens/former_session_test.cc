#include <catch2/catch.hpp>

#include "tests/unit/tokens/session_fixture.h"

namespace vsaproxy::tokens {

TEST_CASE("a former session takes its successor's credential and logs in no more") {
  SessionBench former;
  SessionBench present;
  former.start();
  former.succeed("one");
  present.start();
  former.session().retire(&present.session());
  former.session().refused(1);
  CHECK(former.sent == 1);
  present.succeed("two");
  former.session().on_successor(present.state());
  CHECK(former.sent == 1);
  CHECK(former.bearer() == "Bearer two");
  CHECK(former.state().credential->generation == 2);
  SECTION("and makes the successor log in where that one is refused too") {
    former.session().refused(2);
    present.loop.settle();
    CHECK(present.sent == 2);
    present.succeed("three");
    former.session().on_successor(present.state());
    CHECK(former.bearer() == "Bearer three");
    CHECK(former.state().credential->generation == 3);
  }
  SECTION("which need not happen if it has a newer one") {
    present.session().refused(1);
    present.succeed("three");
    former.session().refused(2);
    CHECK(present.sent == 2);
    CHECK(former.bearer() == "Bearer three");
  }
  SECTION("and tells why there is none") {
    former.session().refused(2);
    present.loop.settle();
    present.reject();
    former.session().on_successor(present.state());
    REQUIRE(former.state().block.has_value());
    CHECK(former.state().block->error.kind == ErrorKind::login_rejected);
  }
  SECTION("until it is wanted again") {
    former.session().revive();
    former.session().refused(2);
    former.loop.settle();
    CHECK(former.sent == 2);
  }
  CHECK(former.count("ok") + former.count("rejected") == 1);
}

TEST_CASE("who waits at a former session hears of its successor's login") {
  SessionBench former;
  SessionBench present;
  present.start();
  SECTION("when it was backing off") {
    former.start();
    former.fail_on_the_way();
    former.session().retire(&present.session());
    present.succeed("two");
    former.session().on_successor(present.state());
  }
  SECTION("when the successor was too") {
    former.start();
    former.succeed("one");
    former.session().retire(&present.session());
    former.session().refused(1);
    present.fail_on_the_way();
    former.session().on_successor(present.state());
    REQUIRE(former.state().block.has_value());
    present.loop.advance(seconds(1));
    present.succeed("two");
    former.session().on_successor(present.state());
  }
  CHECK(former.bearer() == "Bearer two");
  CHECK_FALSE(former.state().block.has_value());
  former.loop.advance(minutes(1));
  CHECK(former.sent == 1);
}

TEST_CASE("a former session follows on through a second reload, and learns of an acquittal") {
  SessionBench former;
  SessionBench present;
  former.start();
  former.succeed("one");
  present.start();
  present.succeed("two");
  former.session().retire(&present.session());
  former.session().refused(1);
  CHECK(former.bearer() == "Bearer two");
  former.session().retire(&present.session());
  SECTION("the credential that was refused is not new again") {
    former.session().refused(2);
    present.loop.settle();
    CHECK(present.sent == 2);
    CHECK(former.state().credential->generation == 2);
  }
  SECTION("the successor was acquitted: the path answers so") {
    present.session().acquit(1);
    former.session().refused(2);
    present.loop.settle();
    CHECK(present.sent == 1);
    CHECK(former.state().acquitted);
  }
}

TEST_CASE("a session that is wanted again logs in if it has to") {
  SessionBench former;
  SessionBench present;
  former.start();
  former.fail_on_the_way();
  former.session().retire(&present.session());
  former.session().revive();
  former.loop.advance(seconds(2));
  CHECK(former.sent == 2);
  former.succeed("one");
  CHECK(former.session().is_ready());
}

}  // namespace vsaproxy::tokens
