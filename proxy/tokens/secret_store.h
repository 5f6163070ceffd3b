#pragma once
// Secrets that programs print: each is run in a thread of its own, so that the manager thread goes
// on, and what it printed is kept for as long as its max_age allows. Manager thread.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>

#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/log.h"

namespace vsaproxy::tokens {

class SecretStore {
 public:
  // A program that failed is not run again for this long, unless a login needs it.
  static constexpr base::Duration failure_pause = std::chrono::seconds(30);

  SecretStore(net::EventLoop& loop, ops::Log& log);
  ~SecretStore();  // ends the programs that are running
  SecretStore(const SecretStore&) = delete;
  SecretStore& operator=(const SecretStore&) = delete;

  // Destroying it withdraws.
  class Fetch;
  // Runs what is not known or too old, each once for all who ask. `done` runs once, from the loop,
  // when read() can answer for all of them. Null: it can already, and `done` is dropped. The
  // references are to commands.
  [[nodiscard]] std::unique_ptr<Fetch> fetch(std::span<const base::SecretRef> refs,
                                             std::function<void()> done);
  // Whether the program has been run: read() does not block.
  bool is_known(const base::SecretRef& ref);
  // What the program printed last, or why it failed. If it has never been run: runs it now, and
  // blocks.
  base::Result<base::Secret> read(const base::SecretRef& ref);
  // Changes when the program prints another value than before. Runs it again once that is due; so
  // ask for as long as a change matters.
  std::uint64_t stamp(const base::SecretRef& ref);
  // The value was refused: it is too old from now on.
  void doubt(const base::SecretRef& ref);

 private:
  struct Entry;

  Entry& entry_of(const base::SecretRef& ref);
  bool is_fresh(const Entry& entry) const;
  // False: no thread can be started for it, which is noted as its outcome.
  bool ensure_run(Entry& entry);
  void on_printed(Entry& entry, base::Result<base::Secret> outcome);
  void warn(const Entry& entry);
  void note(Entry& entry, base::Result<base::Secret> outcome);
  void finish_fetches();

  net::EventLoop& loop_;
  ops::Log& log_;
  std::list<Entry> entries_;
  std::list<Fetch*> fetches_;
};

class SecretStore::Fetch {
 public:
  Fetch(SecretStore& store, std::function<void()> done);
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

 private:
  friend class SecretStore;
  SecretStore& store_;
  std::list<Entry*> awaited_;
  std::function<void()> done_;
};

}  // namespace vsaproxy::tokens
