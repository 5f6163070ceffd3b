#pragma once
// When to log in, renew and try again: pure arithmetic on times that the caller passes in.

#include <variant>

#include "proxy/base/clock.h"

namespace vsaproxy::auth {

// A lead time: a duration, or a share of the session's lifetime (0 to 1).
using Lead = std::variant<base::Duration, double>;

// When to renew a session. The lead is cut to 20 % of the lifetime, then shortened by up to 10 %:
// jitter is uniform in [0, 1). Never before `issued`.
base::Time renewal_time(base::Time issued, base::Time expires, const Lead& lead, double jitter);

// Exponential back-off between failed logins: min, 2 min, 4 min ... max, each shortened by up to
// 10 % (jitter uniform in [0, 1)).
class Backoff {
 public:
  Backoff(base::Duration min, base::Duration max) : min_(min), max_(max) {}
  base::Duration next(double jitter);
  void reset() { failures_ = 0; }

 private:
  base::Duration min_;
  base::Duration max_;
  int failures_ = 0;
};

}  // namespace vsaproxy::auth
