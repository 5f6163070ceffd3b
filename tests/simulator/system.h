#pragma once
// The seam between the server and the APIs that it plays beside VSA 9 REST: each is a System, with
// a line in system_list.cc. Systems are owned by the Simulator and live on its thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/account.h"
#include "tests/simulator/answer.h"
#include "tests/simulator/journal.h"
#include "tests/simulator/message.h"
#include "tests/simulator/options.h"
#include "tests/simulator/target.h"

namespace vsaproxy::simulator {

// What all systems have in common; outlives them.
struct Shared {
  Options& options;
  Account& account;
  Counters& counters;
};

struct SystemReply {
  Answer answer = {};
  // For the log and the counters: live, refused, open (needs no session), login, or malformed (no
  // call of this API; neither ok nor refused).
  std::string_view session = "open";
};

class System {
 public:
  virtual ~System() = default;
  // True if the target is one of its pages. The first system that says so gets the request.
  virtual bool owns(const Target& target) const = 0;
  // How many bytes of a request's body it has to see.
  virtual std::size_t body_limit() const { return default_body_limit; }
  virtual SystemReply answer(const Request& request, const Target& target, Time now) = 0;
  // A member of /_sim/stats, as "name":JSON; empty: none.
  virtual std::string stats(Time /*now*/) const { return {}; }
  // Session tokens of its own, ended ones too, oldest first; not those of Shared::account.
  virtual std::vector<std::string> issued_tokens() const { return {}; }
  // The control paths of these names.
  virtual void revoke() {}
  // Refresh tokens, challenges and the like: what revoke leaves.
  virtual void forget_grants() {}
  virtual void unlock() {}
  virtual void reset() {}
};

std::vector<std::unique_ptr<System>> make_systems(const Shared& shared);

// What the next login meets (the option `login`, counted down by `login_times`).
std::string next_login_behaviour(Options& options);

// A login that meets one of resetting, closing, hanging and html, which no API has in its own
// shape; nothing for the others.
std::optional<Answer> broken_login(std::string_view behaviour, Counters& counters);

}  // namespace vsaproxy::simulator
