#pragma once
// The connections of one worker to one upstream: idle ones for reuse, a limit on all of them, and
// the exchanges that wait for one. Owned by the worker; its thread only.

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/metrics.h"
#include "proxy/relay/upstream_connection.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::relay {

using ConnectionPtr = std::unique_ptr<UpstreamConnection>;

class ConnectionWaiter {
 public:
  virtual ~ConnectionWaiter() = default;
  // Once, from the loop, never from inside UpstreamPool::acquire. Errors: upstream_connect,
  // upstream_tls, upstream_timeout, overloaded (no descriptor, and no connection to wait for).
  virtual void on_connection(base::Result<ConnectionPtr> outcome) = 0;
};

class UpstreamPool final : private IdleHandler {
 public:
  // The part of an upstream that decides whether its connections survive a reload.
  struct Identity {
    http::Origin origin;
    std::optional<http::Authority> connect;
    settings::UpstreamTls tls;
    ops::UpstreamFiles files;
    settings::Timeouts timeouts;
    settings::Pool pool;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Tools {
    net::EventLoop& loop;
    net::Dialer& dialer;
    std::span<char> scratch;
    ops::Gauge& idle_gauge;
    ops::Gauge& active_gauge;
    http::HeadLimits head_limits;
  };

  // `share` is this worker's part of pool.max_connections. Errors: configuration (TLS).
  static base::Result<std::unique_ptr<UpstreamPool>> make(const Tools& tools, Identity identity,
                                                          std::size_t share);
  UpstreamPool(const Tools& tools, Identity identity, std::size_t share,
               std::unique_ptr<net::ClientTls> tls);
  ~UpstreamPool() override;
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  class Wait;  // destroying it withdraws

  // The idle connection that was used last, or null.
  ConnectionPtr take_idle();
  // With one more carrying a request, half of this worker's share would still be free.
  bool is_half_free() const { return !lacks_room_ && 2 * (total_ - idle_.size() + 1) <= share_; }
  // A new connection, or one that another exchange gives back first, which is also waited for if
  // the process has no descriptor for a new one. `fresh_only`: a new one.
  enum class Freshness { any, fresh_only };
  [[nodiscard]] std::unique_ptr<Wait> acquire(Freshness freshness, ConnectionWaiter& waiter);
  // Takes a connection back: it is kept if it is reusable, else closed.
  void release(ConnectionPtr connection);

  // The configuration no longer has it: keeps nothing, and may be destroyed once is_unused().
  void retire();
  bool is_retired() const { return is_retired_; }
  bool is_unused() const { return total_ == 0 && waits_.empty(); }
  const Identity& identity() const { return identity_; }

 private:
  void on_idle_closed(UpstreamConnection& connection) override;
  void close(ConnectionPtr connection);
  void serve_waits();
  bool has_connections() const;
  void drop_idle_since(net::Time limit);
  void arm_idle_timer();
  void update_gauges();

  Tools tools_;
  Identity identity_;
  std::size_t share_;
  std::unique_ptr<net::ClientTls> tls_;
  net::DialTarget target_;
  std::vector<ConnectionPtr> idle_;  // used last at the end
  std::list<Wait*> waits_;
  std::size_t total_ = 0;  // idle, carrying, or being dialled
  std::size_t shown_idle_ = 0;
  std::size_t shown_active_ = 0;
  std::unique_ptr<net::Timer> idle_timer_;
  bool idle_timer_is_set_ = false;
  // Runs while descriptors are lacking: nothing is dialled until it ends or a connection closes.
  std::unique_ptr<net::Timer> room_timer_;
  bool lacks_room_ = false;
  bool is_retired_ = false;
};

class UpstreamPool::Wait {
 public:
  Wait(UpstreamPool& pool, Freshness freshness, ConnectionWaiter& waiter);
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  friend class UpstreamPool;
  void dial();
  void wait_for_room();
  void finish(base::Result<ConnectionPtr> outcome);

  UpstreamPool& pool_;
  Freshness freshness_;
  ConnectionWaiter& waiter_;
  std::list<Wait*>::iterator place_;
  std::unique_ptr<net::Dial> dial_;
  bool is_dialling_ = false;
  bool is_done_ = false;
};

}  // namespace vsaproxy::relay
