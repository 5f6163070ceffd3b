#include "proxy/auth/kept_session.h"

#include <catch2/catch.hpp>
#include <string>

namespace vsaproxy::auth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Now now{base::Time(hours(1)), base::WallTime(seconds(1'700'000'000))};

Credential some_credential() {
  Credential credential;
  credential.fields.push_back({"Authorization", base::Secret("Bearer 123")});
  credential.fields.push_back({"X-Other", base::Secret("\tcaf\xE9 ")});
  credential.token = base::Secret(std::string_view("1\0003", 3));
  credential.renewal = base::Secret("again");
  credential.expires = now.steady + minutes(20);
  return credential;
}

KeptSession some_session() {
  return keep_session(some_credential(), now.steady - minutes(10), now);
}

// Another process, whose steady clock began elsewhere.
Now later(base::WallTime::duration by) { return {base::Time(minutes(5)), now.wall + by}; }

base::Result<RestoredSession> restored(base::WallTime::duration by) {
  return restore_session(some_session(), later(by));
}

}  // namespace

TEST_CASE("a session survives being written and read") {
  const auto read = read_session(write_session(some_session()).reveal());
  REQUIRE(read.has_value());
  const Credential expected = some_credential();
  REQUIRE(read->fields.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read->fields[i].name == expected.fields[i].name);
    CHECK(read->fields[i].value == expected.fields[i].value);
  }
  CHECK(read->token == expected.token);
  CHECK(read->renewal == expected.renewal);
  CHECK(read->issued == now.wall - minutes(10));
  CHECK(read->expires == now.wall + minutes(20));
}

TEST_CASE("a session that is cut or longer anywhere is refused") {
  const std::string bytes(write_session(some_session()).reveal());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_session(bytes.substr(0, size)).has_value());
  }
  CHECK_FALSE(read_session(bytes + '\0').has_value());
}

TEST_CASE("a session that could break a request is refused") {
  for (const std::string_view name : {"", "a b", "a:", "a\r\n"}) {
    KeptSession session = some_session();
    session.fields.front().name = name;
    CHECK_FALSE(read_session(write_session(session).reveal()).has_value());
  }
  for (const std::string_view value : {"a\r\nb", "a\nb", "\x7F", "\x01"}) {
    KeptSession session = some_session();
    session.fields.front().value = base::Secret(value);
    CHECK_FALSE(read_session(write_session(session).reveal()).has_value());
  }
  KeptSession session = some_session();
  session.fields.resize(65, session.fields.front());
  CHECK_FALSE(read_session(write_session(session).reveal()).has_value());
}

TEST_CASE("a session lasts in the next process as long as it would have in this one") {
  const auto session = restored(minutes(5));
  REQUIRE(session.has_value());
  CHECK(session->credential.expires == base::Time(minutes(5 + 15)));
  CHECK(session->issued == base::Time(minutes(5 - 15)));
  CHECK_FALSE(session->credential.is_expired(base::Time(minutes(5))));
  CHECK(session->credential.token == some_credential().token);
  CHECK(session->credential.fields.size() == 2);
}

TEST_CASE("an expired session keeps what renews it") {
  for (const auto by : {hours(1), hours(24 * 365 * 20)}) {
    const auto session = restored(by);
    REQUIRE(session.has_value());
    CHECK(session->credential.is_expired(later(by).steady));
    CHECK(session->credential.renewal == base::Secret("again"));
  }
}

TEST_CASE("a clock that jumped back never makes a session last longer than it was made for") {
  const auto session = restored(-minutes(10) - seconds(30));
  REQUIRE(session.has_value());
  CHECK(session->credential.expires == base::Time(minutes(5 + 30)));
  CHECK_FALSE(restored(-minutes(12)).has_value());
  CHECK_FALSE(restored(-hours(24 * 365 * 20)).has_value());
}

TEST_CASE("times that make no sense are refused") {
  KeptSession session = some_session();
  SECTION("an end before the beginning") { session.expires = session.issued - seconds(1); }
  SECTION("no time at all") { session.expires = session.issued; }
  SECTION("an end that nobody lives to see") { session.expires = now.wall + hours(24 * 400); }
  CHECK_FALSE(restore_session(session, now).has_value());
  std::string bytes(write_session(some_session()).reveal());
  bytes[0] = '\xFF';
  CHECK_FALSE(read_session(bytes).has_value());
}

}  // namespace vsaproxy::auth
