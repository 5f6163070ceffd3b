#include "proxy/ops/login_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include "proxy/auth/digest.h"
#include "proxy/ops/durable_file.h"
#include "proxy/ops/random.h"

namespace vsaproxy::ops {
namespace {

using auth::LoginAttempt;
using base::Result;
using std::chrono::milliseconds;

constexpr std::size_t most_file_bytes = 1024 * 1024;
constexpr milliseconds lock_patience(2000);
// Other credentials may count the same account over a longer time than this one.
constexpr auto kept_at_least = std::chrono::days(7);

// Of one-time codes. A server's clock that was set back further than that starts anew: its codes
// would be refused here until it has caught up.
constexpr std::int64_t most_steps_back = 10;

std::string random_hex() {
  std::array<unsigned char, 16> bytes{};
  fill_random(std::as_writable_bytes(std::span(bytes)));
  return auth::hex(bytes);
}

// Slow on purpose: the file must not help to guess a password.
std::string slow_fingerprint(const base::Secret& secret, std::string_view salt) {
  const base::Secret key = auth::scrypt(secret, salt, 16384);
  const std::string_view bytes = key.reveal();
  return auth::hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

// An id begins with its time, so that a rejection still counts if the record was cleared meanwhile.
std::string make_id(base::WallTime now) {
  const auto time = std::chrono::floor<milliseconds>(now.time_since_epoch()).count();
  return fmt::format("{}-{}", time, random_hex());
}

// 0 if the text does not begin with one.
std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

base::WallTime time_of(std::string_view id) { return base::WallTime(milliseconds(number_in(id))); }

tl::unexpected<base::Error> unavailable(const base::Error& cause) {
  return base::fail(base::ErrorKind::login_unavailable,
                    fmt::format("no login is sent while its outcome cannot be recorded: {}; check "
                                "state_dir",
                                cause.detail));
}

Result<std::vector<LoginAttempt>> load(const std::string& path) {
  const auto text = read_whole_file(path, most_file_bytes);
  if (!text) return unavailable(text.error());
  if (!*text) return std::vector<LoginAttempt>();
  auto attempts = auth::read_attempts(**text);
  if (attempts) return attempts;
  return base::fail(
      base::ErrorKind::login_unavailable,
      fmt::format("{} ({}): run vsaproxy unlock, or remove the file, once the account "
                  "is known to be in order",
                  attempts.error().detail, path));
}

Result<void> store(const std::string& path, const LoginAccount& account,
                   const std::vector<LoginAttempt>& attempts) {
  if (attempts.empty()) {
    const auto removed = remove_file(path);
    if (!removed) return unavailable(removed.error());
    return {};
  }
  auto stored = replace_file(path, auth::write_attempts(account.origin, account.account, attempts));
  if (!stored) return unavailable(stored.error());
  return {};
}

Result<FileLock> lock(const std::string& directory) {
  if (auto made = make_private_directory(directory); !made) return unavailable(made.error());
  auto held = FileLock::acquire(directory + "/lock", lock_patience);
  if (!held) return unavailable(held.error());
  return held;
}

// Drops what no longer counts, and moves to `now` what a clock that jumped back left in the future:
// it would count until the clock gets there. True if anything changed.
bool tidy(std::vector<LoginAttempt>& attempts, const auth::BudgetSettings& budget,
          base::WallTime now) {
  const auto kept = std::max<std::chrono::milliseconds>(budget.per, kept_at_least);
  bool changed = std::erase_if(attempts, [&](const LoginAttempt& attempt) {
                   return attempt.at + kept <= now;
                 }) > 0;
  for (LoginAttempt& attempt : attempts) {
    if (attempt.at <= now) continue;
    attempt.at = now;
    changed = true;
  }
  return changed;
}

auto by_id(const std::string& id) {
  return [&id](const LoginAttempt& attempt) { return attempt.id == id; };
}

}  // namespace

LoginLedger::LoginLedger(std::string state_dir) : directory_(std::move(state_dir) + "/logins") {}

Result<std::string> LoginLedger::begin(const LoginAccount& account, const base::Secret& secret,
                                       const auth::BudgetSettings& budget, base::WallTime now) {
  const auto held = lock(directory_);
  if (!held) return tl::unexpected(held.error());
  const std::string path = path_of(account);
  auto attempts = load(path);
  if (!attempts) return tl::unexpected(attempts.error());
  const bool changed = tidy(*attempts, budget, now);
  const auto is_same_secret = [&secret](const LoginAttempt& attempt) {
    return slow_fingerprint(secret, attempt.salt) == attempt.fingerprint;
  };
  if (auto refusal = auth::judge_login(*attempts, is_same_secret, budget, now)) {
    if (changed) {
      if (auto stored = store(path, account, *attempts); !stored) {
        return tl::unexpected(stored.error());
      }
    }
    return base::fail(*std::move(refusal));
  }
  std::string id = make_id(now);
  attempts->push_back({id, now, "", ""});
  if (auto stored = store(path, account, *attempts); !stored) return tl::unexpected(stored.error());
  return id;
}

Result<void> LoginLedger::rejected(const LoginAccount& account, const std::string& id,
                                   const base::Secret& secret) {
  const std::string salt = random_hex();
  const std::string mark = slow_fingerprint(secret, salt);
  const auto held = lock(directory_);
  if (!held) return tl::unexpected(held.error());
  const std::string path = path_of(account);
  auto attempts = load(path);
  if (!attempts) return tl::unexpected(attempts.error());
  auto found = std::find_if(attempts->begin(), attempts->end(), by_id(id));
  if (found == attempts->end()) {
    found = attempts->insert(attempts->end(), {id, time_of(id), "", ""});
  }
  found->salt = salt;
  found->fingerprint = mark;
  return store(path, account, *attempts);
}

Result<void> LoginLedger::withdraw(const LoginAccount& account, const std::string& id) {
  const auto held = lock(directory_);
  if (!held) return tl::unexpected(held.error());
  const std::string path = path_of(account);
  auto attempts = load(path);
  if (!attempts) return tl::unexpected(attempts.error());
  if (std::erase_if(*attempts, by_id(id)) == 0) return {};
  return store(path, account, *attempts);
}

Result<void> LoginLedger::succeeded(const LoginAccount& account) {
  auto forgotten = forget(account);
  if (!forgotten) return tl::unexpected(forgotten.error());
  return {};
}

Result<bool> LoginLedger::forget(const LoginAccount& account) {
  const auto held = lock(directory_);
  if (!held) return tl::unexpected(held.error());
  auto removed = remove_file(path_of(account));
  if (!removed) return unavailable(removed.error());
  return removed;
}

Result<bool> LoginLedger::claim_code(const LoginAccount& account, std::int64_t step) {
  const auto held = lock(directory_);
  if (!held) return tl::unexpected(held.error());
  const std::string path = path_of(account, ".code");
  const auto text = read_whole_file(path, most_file_bytes);
  if (!text) return unavailable(text.error());
  const std::int64_t last = number_in(text->value_or(""));
  if (step <= last && last - step < most_steps_back) return false;
  if (auto stored = replace_file(path, fmt::format("{}\n", step)); !stored) {
    return unavailable(stored.error());
  }
  return true;
}

int LoginLedger::remaining(const LoginAccount& account, const auth::BudgetSettings& budget,
                           base::WallTime now) const {
  const auto attempts = load(path_of(account));
  return attempts ? auth::remaining_logins(*attempts, budget, now) : 0;
}

std::uint64_t LoginLedger::stamp(const LoginAccount& account) const {
  return file_stamp(path_of(account));
}

std::string LoginLedger::path_of(const LoginAccount& account, std::string_view suffix) const {
  const std::string name = auth::sha256_hex(account.origin + '\n' + account.account);
  return fmt::format("{}/{}{}", directory_, name, suffix);
}

}  // namespace vsaproxy::ops
