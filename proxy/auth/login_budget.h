#pragma once
// Whether one more login may be sent to an account, judged on the recorded attempts: VSA disables
// an account after a few consecutive rejections. Pure; ops/login_ledger keeps the record on disk.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

struct BudgetSettings {
  int rejected = 2;  // rejected logins of one account, all secrets together ...
  base::Duration per = std::chrono::hours(1);  // ... in this time

  friend bool operator==(const BudgetSettings&, const BudgetSettings&) = default;
};

// A login whose outcome is rejected, or unknown because the process ended first.
struct LoginAttempt {
  std::string id;  // random, tells attempts apart
  base::WallTime at;
  // scrypt of the secret that was rejected, hex; both empty while the outcome is unknown.
  std::string salt;
  std::string fingerprint;
};

// Nothing: go ahead. login_rejected: this very secret was rejected within the time.
// login_budget_spent: too many attempts within the time. retry_after says when it may go on.
// A clock that jumped back never lengthens a wait beyond `per`.
std::optional<base::Error> judge_login(
    const std::vector<LoginAttempt>& attempts,
    const std::function<bool(const LoginAttempt&)>& is_same_secret, const BudgetSettings& budget,
    base::WallTime now);

// How many rejected logins are still free.
int remaining_logins(const std::vector<LoginAttempt>& attempts, const BudgetSettings& budget,
                     base::WallTime now);

// The file's text, JSON with a format version, and back. Errors: system (a damaged file).
std::string write_attempts(std::string_view origin, std::string_view account,
                           const std::vector<LoginAttempt>& attempts);
base::Result<std::vector<LoginAttempt>> read_attempts(std::string_view text);

}  // namespace vsaproxy::auth
