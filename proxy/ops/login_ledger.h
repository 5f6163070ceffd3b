#pragma once
// The record of rejected logins in the state directory, one file for each login origin and account,
// shared by all processes of this host through a file lock. Blocks on the disk and on scrypt: the
// manager thread and commands only.

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/auth/login_budget.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::ops {

// Who is logged in where; the credential's name does not matter.
struct LoginAccount {
  std::string origin;  // "https://vsa.example.com"
  std::string account;
  friend bool operator==(const LoginAccount&, const LoginAccount&) = default;
};

class LoginLedger {
 public:
  // The directory is made (0700) when first needed.
  explicit LoginLedger(std::string state_dir);

  // Asks whether a login may be sent now and, if so, writes the attempt and syncs it to disk before
  // returning its id. Errors: login_rejected, login_budget_spent (with retry_after),
  // login_unavailable (the record can't be kept: no login may be sent).
  base::Result<std::string> begin(const LoginAccount& account, const base::Secret& secret,
                                  const auth::BudgetSettings& budget, base::WallTime now);
  // The attempt was rejected: it stays on record with the fingerprint of its secret.
  base::Result<void> rejected(const LoginAccount& account, const std::string& id,
                              const base::Secret& secret);
  // The attempt succeeded, or never reached a verdict. A success also clears the record.
  base::Result<void> withdraw(const LoginAccount& account, const std::string& id);
  base::Result<void> succeeded(const LoginAccount& account);
  // unlock: forgets everything of the account. True if there was something to forget.
  base::Result<bool> forget(const LoginAccount& account);

  // A one-time code is good once (RFC 6238, 5.2). True: that of this time step may be sent, and
  // counts as sent from now on, for all processes and after a restart. False: it, or a later one,
  // has been sent. Not forgotten with the rejected logins. Errors: login_unavailable.
  base::Result<bool> claim_code(const LoginAccount& account, std::int64_t step);

  int remaining(const LoginAccount& account, const auth::BudgetSettings& budget,
                base::WallTime now) const;
  // Changes when another process changes the record; 0 while there is none.
  std::uint64_t stamp(const LoginAccount& account) const;

 private:
  std::string path_of(const LoginAccount& account, std::string_view suffix = ".json") const;
  std::string directory_;
};

}  // namespace vsaproxy::ops
