#include "proxy/ops/login_ledger.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/unit/ops/temporary_folder.h"

using namespace vsaproxy;
using namespace vsaproxy::ops;
using namespace std::chrono_literals;
using auth::BudgetSettings;
using base::ErrorKind;
using base::Secret;

namespace {

constexpr base::WallTime now{std::chrono::hours(500'000)};
const LoginAccount account{"https://vsa.example.com", "svc-legacy"};
const BudgetSettings two_per_hour{2, 1h};
const Secret wrong("wrong-one");
const Secret other("wrong-two");
const Secret right("right-one");

void reject(LoginLedger& ledger, const Secret& secret, base::WallTime at = now) {
  const auto id = ledger.begin(account, secret, two_per_hour, at);
  REQUIRE(id);
  REQUIRE(ledger.rejected(account, *id, secret));
}

base::Error refusal(LoginLedger& ledger, const Secret& secret, base::WallTime at = now) {
  const auto id = ledger.begin(account, secret, two_per_hour, at);
  REQUIRE_FALSE(id);
  return id.error();
}

// The one record in the folder.
std::string record_in(const TemporaryFolder& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder / "logins")) {
    if (entry.path().extension() == ".json") return entry.path().string();
  }
  return "";
}

}  // namespace

TEST_CASE("a rejected secret is not tried again, not even after a restart") {
  const TemporaryFolder folder;
  LoginLedger before(folder.path());
  reject(before, wrong);
  LoginLedger after(folder.path());
  const auto error = refusal(after, wrong, now + 10min);
  CHECK(error.kind == ErrorKind::login_rejected);
  CHECK(error.retry_after == 50min);
  CHECK(after.begin(account, wrong, two_per_hour, now + 1h));
}

TEST_CASE("a one-time code is claimed once, by whichever process and after a restart") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  CHECK(ledger.claim_code(account, 59'000'000) == true);
  CHECK(ledger.claim_code(account, 59'000'000) == false);
  LoginLedger other_process(folder.path());
  CHECK(other_process.claim_code(account, 59'000'000) == false);
  CHECK(other_process.claim_code(account, 58'999'999) == false);
  CHECK(other_process.claim_code({account.origin, "another"}, 59'000'000) == true);
  SECTION("the next one is another") {
    CHECK(ledger.claim_code(account, 59'000'001) == true);
    CHECK(ledger.claim_code(account, 59'000'000) == false);
  }
  SECTION("success and unlock of the account do not free it") {
    REQUIRE(ledger.succeeded(account));
    REQUIRE(ledger.forget(account));
    CHECK(ledger.claim_code(account, 59'000'000) == false);
  }
  SECTION("a server's clock that was set back by minutes starts anew") {
    CHECK(ledger.claim_code(account, 58'999'000) == true);
    CHECK(ledger.claim_code(account, 58'999'000) == false);
  }
}

TEST_CASE("a code that can't be recorded is not sent") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder / "none");
  std::filesystem::create_directories(folder / "none");
  folder.write("none/logins", "a file in the place of the folder");
  const auto claimed = ledger.claim_code(account, 1);
  REQUIRE_FALSE(claimed);
  CHECK(claimed.error().kind == ErrorKind::login_unavailable);
}

TEST_CASE("a changed secret is tried at once") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  CHECK(ledger.begin(account, right, two_per_hour, now));
}

TEST_CASE("all secrets together have the budget") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  CHECK(ledger.remaining(account, two_per_hour, now) == 2);
  reject(ledger, wrong);
  CHECK(ledger.remaining(account, two_per_hour, now) == 1);
  reject(ledger, other, now + 5min);
  CHECK(ledger.remaining(account, two_per_hour, now + 5min) == 0);
  const auto error = refusal(ledger, right, now + 30min);
  CHECK(error.kind == ErrorKind::login_budget_spent);
  CHECK(error.retry_after == 30min);
  CHECK(ledger.begin(account, right, two_per_hour, now + 1h));
}

TEST_CASE("an attempt whose outcome is unknown counts, one that is withdrawn does not") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  const auto id = ledger.begin(account, right, two_per_hour, now);
  REQUIRE(id);
  CHECK(ledger.remaining(account, two_per_hour, now) == 1);
  REQUIRE(ledger.withdraw(account, *id));
  CHECK(ledger.remaining(account, two_per_hour, now) == 2);
  CHECK(record_in(folder) == "");
  CHECK(ledger.withdraw(account, *id));
}

TEST_CASE("the attempt is on disk before begin returns") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  const auto id = ledger.begin(account, right, two_per_hour, now);
  REQUIRE(id);
  CHECK(read_text(record_in(folder)).find(*id) != std::string::npos);
}

TEST_CASE("a success clears the record") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  REQUIRE(ledger.begin(account, right, two_per_hour, now));
  REQUIRE(ledger.succeeded(account));
  CHECK(ledger.remaining(account, two_per_hour, now) == 2);
  CHECK(ledger.begin(account, wrong, two_per_hour, now));
}

TEST_CASE("a rejection counts although the record was cleared meanwhile") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  const auto id = ledger.begin(account, wrong, two_per_hour, now);
  REQUIRE(id);
  REQUIRE(ledger.succeeded(account));
  REQUIRE(ledger.rejected(account, *id, wrong));
  CHECK(refusal(ledger, wrong, now + 15min).retry_after == 45min);
}

TEST_CASE("forgetting says whether there was something to forget") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  CHECK(ledger.forget(account) == false);
  reject(ledger, wrong);
  CHECK(ledger.forget(account) == true);
  CHECK(ledger.begin(account, wrong, two_per_hour, now));
}

TEST_CASE("accounts and origins are counted apart") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  CHECK(ledger.begin({account.origin, "svc-other"}, wrong, two_per_hour, now));
  CHECK(ledger.begin({"https://vsa2.example.com", account.account}, wrong, two_per_hour, now));
  CHECK(ledger.remaining(account, two_per_hour, now) == 1);
}

TEST_CASE("the record names the account, never the secret, and only its owner may read it") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  const std::string path = record_in(folder);
  const std::string text = read_text(path);
  CHECK(text.find(account.origin) != std::string::npos);
  CHECK(text.find(account.account) != std::string::npos);
  CHECK(text.find(wrong.reveal()) == std::string::npos);
  using std::filesystem::perms;
  CHECK(std::filesystem::status(path).permissions() == (perms::owner_read | perms::owner_write));
  CHECK(std::filesystem::status(folder / "logins").permissions() == perms::owner_all);
}

TEST_CASE("the same secret leaves a different fingerprint each time") {
  const TemporaryFolder one;
  const TemporaryFolder two;
  LoginLedger first(one.path());
  LoginLedger second(two.path());
  reject(first, wrong);
  reject(second, wrong);
  const auto a = auth::read_attempts(read_text(record_in(one)));
  const auto b = auth::read_attempts(read_text(record_in(two)));
  REQUIRE((a && b));
  CHECK(a->front().salt.size() == 32);
  CHECK(a->front().salt != b->front().salt);
  CHECK(a->front().fingerprint.size() == 64);
  CHECK(a->front().fingerprint != b->front().fingerprint);
}

TEST_CASE("a damaged record stops logins until it is forgotten") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  const std::string path = record_in(folder);
  std::ofstream(path) << "{\"format\":1,\"att";
  const auto error = refusal(ledger, right);
  CHECK(error.kind == ErrorKind::login_unavailable);
  CHECK(error.detail.find(path) != std::string::npos);
  CHECK(error.detail.find("unlock") != std::string::npos);
  CHECK(ledger.remaining(account, two_per_hour, now) == 0);
  CHECK(ledger.forget(account) == true);
  CHECK(ledger.begin(account, right, two_per_hour, now));
}

TEST_CASE("no login may be sent where nothing can be recorded") {
  const TemporaryFolder folder;
  folder.write("file", "");
  LoginLedger ledger(folder / "file/state");
  const auto error = refusal(ledger, right);
  CHECK(error.kind == ErrorKind::login_unavailable);
  CHECK(error.detail.find("state_dir") != std::string::npos);
}

TEST_CASE("a clock that jumped back costs no more than the time") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong, now + 10'000h);
  CHECK(refusal(ledger, wrong).retry_after == 1h);
  CHECK(refusal(ledger, wrong, now + 20min).retry_after == 40min);
  CHECK(ledger.begin(account, wrong, two_per_hour, now + 1h));
}

TEST_CASE("old attempts leave the record") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  reject(ledger, wrong);
  reject(ledger, other, now + std::chrono::days(8));
  const auto attempts = auth::read_attempts(read_text(record_in(folder)));
  REQUIRE(attempts);
  CHECK(attempts->size() == 1);
}

TEST_CASE("the stamp changes with the record and is 0 without one") {
  const TemporaryFolder folder;
  LoginLedger ledger(folder.path());
  CHECK(ledger.stamp(account) == 0);
  reject(ledger, wrong);
  const auto stamp = ledger.stamp(account);
  CHECK(stamp != 0);
  LoginLedger unlock(folder.path());
  REQUIRE(unlock.forget(account));
  CHECK(ledger.stamp(account) == 0);
}

TEST_CASE("however many ask at once, only the budget goes out") {
  const TemporaryFolder folder;
  std::atomic<int> sent{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&folder, &sent, i] {
      LoginLedger ledger(folder.path());
      const Secret secret("guess-" + std::to_string(i));
      if (ledger.begin(account, secret, two_per_hour, now)) ++sent;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(sent == 2);
}
