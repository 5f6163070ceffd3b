#pragma once
// What one login (or one static secret) yields: what to put into a request, and until when.
// Immutable once published; shared by all threads.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/secret.h"
#include "proxy/http/message.h"

namespace vsaproxy::auth {

struct InjectedField {
  std::string name;
  base::Secret value;
};

struct Credential {
  std::vector<InjectedField> fields;
  // What a MessageEditor puts into bodies and targets; empty where the fields say it all.
  base::Secret token;
  // What only the scheme reads, to renew with less than a whole login: see Scheme::start().
  base::Secret renewal;
  // By this process's steady clock; empty: the answer stated no usable end.
  std::optional<base::Time> expires;
  // Set when published. Grows with each login of a session: a report on an older one is stale.
  std::uint64_t generation = 0;
  // For logs: tells two sessions apart without telling either. Set when published.
  std::string fingerprint;

  bool is_expired(base::Time now) const { return expires && now >= *expires; }
  // Replaces whatever the request carries under the same names. The last edit of a request.
  void apply(http::Fields& request) const;
};

}  // namespace vsaproxy::auth
