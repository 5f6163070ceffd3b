#include "proxy/auth/login_policy.h"

#include <catch2/catch.hpp>
#include <initializer_list>

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::chrono_literals;

namespace {

constexpr base::Time issued{std::chrono::hours(5)};

}  // namespace

TEST_CASE("a session is renewed its lead before the end, cut to 20 % of its life") {
  const auto [lifetime, lead, before] = GENERATE(table<base::Duration, Lead, base::Duration>({
      {30min, base::Duration(60s), 60s},
      {60s, base::Duration(60s), 12s},
      {5s, base::Duration(60s), 1s},
      {30min, base::Duration(0s), 0s},
      {30min, base::Duration(-5s), 0s},
      {100min, 0.1, 10min},
      {100min, 0.9, 20min},
      {100min, 0.0, 0s},
  }));
  const base::Time expires = issued + lifetime;
  CHECK(renewal_time(issued, expires, lead, 0) == expires - before);
}

TEST_CASE("jitter shortens the lead by at most 10 %") {
  const base::Time expires = issued + 30min;
  CHECK(renewal_time(issued, expires, base::Duration(60s), 0.5) == expires - 57s);
  const base::Time latest = renewal_time(issued, expires, base::Duration(60s), 0.999);
  CHECK(latest < expires - 54s);
  CHECK(latest > expires - 55s);
}

TEST_CASE("a session that ends before it begins is renewed at once") {
  CHECK(renewal_time(issued, issued, base::Duration(60s), 0) == issued);
  CHECK(renewal_time(issued, issued - 1h, 0.5, 0.9) == issued);
}

TEST_CASE("back-off doubles up to its greatest wait and begins anew after a reset") {
  Backoff backoff(1s, 10s);
  for (const auto expected : {1s, 2s, 4s, 8s, 10s, 10s, 10s}) CHECK(backoff.next(0) == expected);
  backoff.reset();
  CHECK(backoff.next(0) == 1s);
  CHECK(backoff.next(0.5) == 1900ms);
}

TEST_CASE("back-off stays bounded after very many failures") {
  Backoff backoff(1ms, 5min);
  for (int i = 0; i < 100000; ++i) backoff.next(0);
  CHECK(backoff.next(0) == 5min);
  CHECK(backoff.next(0.999) > 270s);
}

TEST_CASE("a least wait above the greatest is cut to it") {
  Backoff backoff(1min, 10s);
  CHECK(backoff.next(0) == 10s);
}
