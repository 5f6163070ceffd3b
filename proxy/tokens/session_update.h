#pragma once
// What the manager thread and the workers tell each other about a session. Values: they cross
// threads through EventLoop::post.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/auth/credential.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace vsaproxy::tokens {

// One login kept alive: a credential at one origin. Never reused within a process.
enum class SessionId : std::size_t {};

using CredentialPtr = std::shared_ptr<const auth::Credential>;

// No login is possible before that time.
struct LoginBlock {
  base::Error error;
  base::Time until{};
  // The next try fails like this one, unless somebody mends the configuration or a secret first:
  // nothing to wait for.
  bool needs_repair = false;
};

// The whole state of a session, as the workers need it.
struct SessionUpdate {
  CredentialPtr credential;  // null: none. May be expired: users look.
  std::optional<LoginBlock> block;
  // A 401 on a replay with this very credential showed that the path answers so, not the session.
  bool acquitted = false;
  // Not 0: a login is about to end the older session. Requests that could not be replayed wait, and
  // the worker acknowledges this number once none of them is under way.
  std::uint64_t hold = 0;
};

// From a worker to the manager. Any thread; the generation tells stale reports.
class SessionReports {
 public:
  virtual ~SessionReports() = default;
  // Somebody waits for a credential, and the worker has none that is usable: that of `known` has
  // expired. 0: it has none.
  virtual void need(SessionId session, std::uint64_t known) = 0;
  // First use of a credential by this worker.
  virtual void used(SessionId session, std::uint64_t generation) = 0;
  // An answer refused the session, and the request can be replayed: log in.
  virtual void refused(SessionId session, std::uint64_t generation) = 0;
  // An answer refused the session, but it was acquitted or nothing can be replayed: check it.
  virtual void suspect(SessionId session, std::uint64_t generation) = 0;
  // A replay with a fresh session was refused too.
  virtual void acquit(SessionId session, std::uint64_t generation) = 0;
  // No request that could not be replayed is under way.
  virtual void hold_reached(SessionId session, std::uint64_t hold) = 0;
};

}  // namespace vsaproxy::tokens
