#include "proxy/tokens/secret_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/net/background_task.h"
#include "proxy/ops/secret_source.h"

namespace vsaproxy::tokens {

using base::Result;
using base::Secret;
using base::SecretRef;

struct SecretStore::Entry {
  explicit Entry(SecretRef of) : ref(std::move(of)) {}

  const SecretRef ref;
  std::optional<Result<Secret>> outcome;  // of the latest run that has ended
  std::optional<Secret> value;            // the latest that was printed
  base::Time ended_at{};                  // that run
  bool is_doubted = false;
  std::uint64_t stamp = 0;
  std::unique_ptr<net::BackgroundTask> run;
};

SecretStore::SecretStore(net::EventLoop& loop, ops::Log& log) : loop_(loop), log_(log) {}
SecretStore::~SecretStore() = default;

SecretStore::Entry& SecretStore::entry_of(const SecretRef& ref) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.ref == ref; });
  return found == entries_.end() ? entries_.emplace_back(ref) : *found;
}

bool SecretStore::is_fresh(const Entry& entry) const {
  return entry.outcome && *entry.outcome && !entry.is_doubted &&
         loop_.now() - entry.ended_at < entry.ref.command.max_age;
}

std::unique_ptr<SecretStore::Fetch> SecretStore::fetch(std::span<const SecretRef> refs,
                                                       std::function<void()> done) {
  auto fetch = std::make_unique<Fetch>(*this, std::move(done));
  for (const SecretRef& ref : refs) {
    Entry& entry = entry_of(ref);
    if (is_fresh(entry) || !ensure_run(entry)) continue;
    fetch->awaited_.push_back(&entry);
  }
  if (fetch->awaited_.empty()) return nullptr;
  return fetch;
}

Result<Secret> SecretStore::read(const SecretRef& ref) {
  Entry& entry = entry_of(ref);
  if (!entry.outcome) note(entry, ops::read_secret(ref, ""));
  return *entry.outcome;
}

bool SecretStore::is_known(const SecretRef& ref) { return entry_of(ref).outcome.has_value(); }

std::uint64_t SecretStore::stamp(const SecretRef& ref) {
  Entry& entry = entry_of(ref);
  const bool has_failed = entry.outcome && !*entry.outcome;
  const bool is_due = has_failed ? loop_.now() - entry.ended_at >= failure_pause
                                 : entry.outcome && !is_fresh(entry);
  if (is_due && !ensure_run(entry)) warn(entry);
  return entry.stamp;
}

void SecretStore::doubt(const SecretRef& ref) { entry_of(ref).is_doubted = true; }

bool SecretStore::ensure_run(Entry& entry) {
  if (entry.run) return true;
  auto run = std::make_unique<net::BackgroundTask>();
  auto started = run->start(loop_, [this, &entry, ref = entry.ref](int stop) {
    auto outcome = std::make_shared<Result<Secret>>(ops::read_secret(ref, "", stop));
    return [this, &entry, outcome] { on_printed(entry, std::move(*outcome)); };
  });
  if (started) {
    entry.run = std::move(run);
    return true;
  }
  started.error().detail =
      fmt::format("{} can't be run: {}", ops::describe(entry.ref), started.error().detail);
  note(entry, base::fail(std::move(started.error())));
  return false;
}

void SecretStore::on_printed(Entry& entry, Result<Secret> outcome) {
  loop_.destroy_later(std::move(entry.run));
  note(entry, std::move(outcome));
  bool is_awaited = false;
  for (Fetch* fetch : fetches_) is_awaited = fetch->awaited_.remove(&entry) > 0 || is_awaited;
  if (!is_awaited && !*entry.outcome) warn(entry);
  finish_fetches();
}

void SecretStore::warn(const Entry& entry) {
  log_.write(ops::LogLevel::warning, "a secret can't be read again, what was read before stays",
             {{"detail", entry.outcome->error().detail}});
}

// Each may withdraw others, and begin new ones.
void SecretStore::finish_fetches() {
  while (true) {
    const auto complete = std::find_if(fetches_.begin(), fetches_.end(),
                                       [](const Fetch* fetch) { return fetch->awaited_.empty(); });
    if (complete == fetches_.end()) return;
    const auto done = std::move((*complete)->done_);
    fetches_.erase(complete);
    done();
  }
}

void SecretStore::note(Entry& entry, Result<Secret> outcome) {
  entry.ended_at = loop_.now();
  entry.outcome = std::move(outcome);
  if (!*entry.outcome) return;
  entry.is_doubted = false;
  if (entry.value && *entry.value == **entry.outcome) return;
  entry.value = **entry.outcome;
  ++entry.stamp;
}

SecretStore::Fetch::Fetch(SecretStore& store, std::function<void()> done)
    : store_(store), done_(std::move(done)) {
  store_.fetches_.push_back(this);
}

SecretStore::Fetch::~Fetch() { store_.fetches_.remove(this); }

}  // namespace vsaproxy::tokens
