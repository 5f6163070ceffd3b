#pragma once
// The file in which a session outlives the process and is shared with others on this host: sealed,
// replaced at once, and locked while one of them logs in. Owned by its Session; manager thread.
// What can't be used, read or written is warned of once, and the session works from memory.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/auth/session_seal.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/durable_file.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/session_tools.h"

namespace vsaproxy::tokens {

class SessionCache {
 public:
  // How often a lock that another process holds is asked for.
  static constexpr base::Duration lock_pause = std::chrono::milliseconds(20);

  // The credential has a cache with an absolute path. `origin` is where the login goes.
  SessionCache(const SessionTools& tools, const settings::Credential& credential,
               std::string origin);
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;

  // The session in the file, if nothing of it was read or written here yet. It may have expired:
  // then its renewal may still be good.
  std::optional<auth::RestoredSession> read_news();

  // Keeps other processes from logging in and from writing the file. `done` runs once, perhaps
  // within this call; destroying this withdraws it. Also fine if there can be no lock, since a
  // broken disk must not stop a login. Error: login_unavailable, another process holds it for
  // longer than `patience`.
  void lock(base::Duration patience, std::function<void(base::Result<void>)> done);
  void unlock();
  // Only while locked, else nothing. On the disk when this returns.
  void store(const auth::Credential& credential, base::Time issued);

 private:
  void try_lock();
  void finish_lock(base::Result<void> outcome);
  base::Result<auth::RestoredSession> open(const std::string& sealed);
  // Derived anew only where the key's text or the salt has changed.
  base::Result<const auth::SealKey*> key_for(const auth::SealSalt& salt);
  base::Result<const auth::SealKey*> key_to_write();
  void forget_changed_key();
  void warn(std::string_view message, const std::string& detail);

  const SessionTools tools_;
  const std::string credential_;  // its name, for the log
  const std::string path_;
  const base::SecretRef key_ref_;
  const auth::SessionOwner owner_;
  std::optional<auth::SealKey> key_;
  std::uint64_t key_stamp_ = 0;
  std::uint64_t seen_stamp_ = 0;
  std::string seen_;  // the end of what was read or written last: no two files have the same
  std::string warned_of_;
  std::optional<ops::FileLock> lock_;
  base::Time lock_deadline_{};
  std::function<void(base::Result<void>)> on_lock_;
  std::unique_ptr<net::Timer> lock_timer_;
};

}  // namespace vsaproxy::tokens
