#pragma once
// A session as it outlives the process: what a login yielded, with times by the wall clock, since
// the steady one means nothing to the next process. Pure, any thread.

#include <string_view>
#include <vector>

#include "proxy/auth/credential.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

struct KeptSession {
  std::vector<InjectedField> fields;
  base::Secret token;
  base::Secret renewal;
  // Whole milliseconds, 1970 to 2255.
  base::WallTime issued{};
  base::WallTime expires{};
};

// One moment by both clocks.
struct Now {
  base::Time steady{};
  base::WallTime wall{};
};

// The credential must have an expiry.
KeptSession keep_session(const Credential& credential, base::Time issued, const Now& now);

struct RestoredSession {
  Credential credential;  // expired by now, or with an expiry; generation and fingerprint unset
  base::Time issued{};
};

// Never good for longer than it was when it was made, however the wall clock jumped. Errors
// (system, with the reason): made in the future, or good for more than a year.
base::Result<RestoredSession> restore_session(KeptSession kept, const Now& now);

// Bytes and back. Errors (system): not what write_session() makes, or something that must not get
// into a request.
base::Secret write_session(const KeptSession& session);
base::Result<KeptSession> read_session(std::string_view bytes);

}  // namespace vsaproxy::auth
