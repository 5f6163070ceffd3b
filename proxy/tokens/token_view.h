#pragma once
// A worker's private copy of every session, and the requests that wait for one: no lock and no
// shared counter on the request path. Owned by the worker; its thread only.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/tokens/session_update.h"

namespace vsaproxy::tokens {

enum class Replayable { yes, no };

struct Need {
  SessionId session{};
  Replayable replayable = Replayable::yes;
  // Only a credential younger than this generation will do: 0, or the one that was refused.
  std::uint64_t newer_than = 0;
};

class CredentialWaiter {
 public:
  virtual ~CredentialWaiter() = default;
  // Once, from the loop. Errors: login_rejected, login_unavailable, login_budget_spent.
  virtual void on_credential(base::Result<CredentialPtr> outcome) = 0;
};

class TokenView {
 public:
  TokenView(net::EventLoop& loop, SessionReports& reports) : loop_(loop), reports_(reports) {}
  ~TokenView();
  TokenView(const TokenView&) = delete;
  TokenView& operator=(const TokenView&) = delete;

  class Wait;  // destroying it withdraws
  class Use;   // a request under way that could not be replayed: destroying it ends that

  // A credential that is not expired, or null if it is worth waiting for one that long. Errors: as
  // on_credential.
  base::Result<CredentialPtr> get(const Need& need, base::Duration patience);
  // After get() returned null: waits at most `patience`, then login_unavailable.
  [[nodiscard]] std::unique_ptr<Wait> wait_for(const Need& need, base::Duration patience,
                                               CredentialWaiter& waiter);
  [[nodiscard]] std::unique_ptr<Use> begin_unreplayable(SessionId session);

  // An answer refused this session. True if it is worth waiting for a newer credential.
  bool report_refused(SessionId session, std::uint64_t generation, Replayable replayable);
  // A replay with that generation was refused too.
  void report_refused_replay(SessionId session, std::uint64_t generation);

  // What the manager published.
  void update(SessionId session, SessionUpdate update);
  void forget(SessionId session);

 private:
  struct Session {
    SessionUpdate state;
    bool asked = false;                     // need() is on its way
    std::uint64_t used_generation = 0;      // used() was sent for
    std::uint64_t reported_generation = 0;  // refused() was sent for, since the last update
    std::uint64_t acknowledged_hold = 0;
    // Reported as refused from here: until the manager has looked, nothing that can't be replayed
    // is sent with it. 0: none.
    std::uint64_t suspected_generation = 0;
    int unreplayable = 0;
    std::list<Wait*> waits;
  };

  Session& session(SessionId id) { return sessions_[id]; }
  base::Result<CredentialPtr> get_until(const Need& need, base::Time deadline);
  std::optional<base::Error> block_for(const Session& session, const Need& need,
                                       base::Time deadline);
  bool is_kept_back(const Session& session, const Need& need) const;
  void acknowledge_hold(SessionId id, Session& session);

  net::EventLoop& loop_;
  SessionReports& reports_;
  std::map<SessionId, Session> sessions_;
};

class TokenView::Wait {
 public:
  Wait(TokenView& view, const Need& need, base::Duration patience, CredentialWaiter& waiter);
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  friend class TokenView;
  void finish(base::Result<CredentialPtr> outcome);
  void detach();

  TokenView* view_;
  Need need_;
  base::Time deadline_;
  CredentialWaiter& waiter_;
  std::unique_ptr<net::Timer> timer_;
  std::list<Wait*>::iterator place_;
  bool waiting_ = true;
};

class TokenView::Use {
 public:
  Use(TokenView& view, SessionId session);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  TokenView& view_;
  SessionId session_;
};

}  // namespace vsaproxy::tokens
