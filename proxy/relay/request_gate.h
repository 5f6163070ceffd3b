#pragma once
// The limits of one upstream over all workers: how many requests are under way at it, and how many
// begin in a second. Who has to wait gets its turn client by client. Shared by the workers through
// their configuration, and over reloads; any thread.

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/metrics.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::relay {

class RequestGate : public std::enable_shared_from_this<RequestGate> {
 public:
  // A request under way, as long as it lives. Its gate must outlive it.
  class Slot {
   public:
    Slot() = default;
    Slot(RequestGate& gate, net::EventLoop& loop) : gate_(&gate), loop_(&loop) {}
    Slot(Slot&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), loop_(other.loop_) {}
    Slot& operator=(Slot&& other) noexcept;
    ~Slot() { release(); }

    explicit operator bool() const { return gate_ != nullptr; }
    // Another request may begin.
    void release();

   private:
    RequestGate* gate_ = nullptr;
    net::EventLoop* loop_ = nullptr;
  };
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // Once, from the loop, never from inside wait(). Error: rate_limited, for a client with more
    // waiting requests than another one that came when the queue was full.
    virtual void on_turn(base::Result<Slot> outcome) = 0;
  };
  class Wait;  // destroying it withdraws; in the loop's thread
  struct Newcomer {
    net::EventLoop& loop;
    std::string client;  // whose requests are one row
    ops::Gauge& gauge;   // of waiting requests; the loop's
  };

  explicit RequestGate(const settings::RequestLimits& limits) : limits_(limits) {}
  RequestGate(const RequestGate&) = delete;
  RequestGate& operator=(const RequestGate&) = delete;

  // Empty: it has to wait.
  Slot take(net::EventLoop& loop);
  // Empty, too, where less than half of `concurrency` would stay free.
  Slot take_if_half_free(net::EventLoop& loop);
  // After take() gave nothing. Error: rate_limited, the queue is full.
  base::Result<std::unique_ptr<Wait>> wait(Newcomer newcomer, Waiter& waiter);
  // Of a new configuration. What is under way counts, and who waits already stays.
  void set_limits(const settings::RequestLimits& limits, base::Time now);

 private:
  struct Port;
  // The waiting requests of a client, the oldest first.
  struct Row {
    std::string client;
    std::list<Wait*> waits;  // one at least
  };
  using RowPlace = std::list<Row>::iterator;

  bool has_slot() const { return !limits_.concurrency || under_way_ < *limits_.concurrency; }
  base::Time next_begin() const;
  bool take_token(base::Time now, std::chrono::nanoseconds lateness);
  bool make_room_for(const std::string& client, base::Time now);
  RowPlace row_of(const std::string& client);
  void remove_if_empty(RowPlace row);
  base::Error full_error(base::Time now) const;
  std::shared_ptr<Port> port_of(net::EventLoop& loop);
  void serve(base::Time now);
  void leave(base::Time now);
  void withdraw(Wait& wait, base::Time now);

  std::mutex mutex_;  // guards all below
  settings::RequestLimits limits_;
  std::size_t under_way_ = 0;
  std::size_t waiting_ = 0;
  base::Time full_at_{};  // when, if nothing begins until then, a whole burst may begin
  std::list<Row> rows_;   // whose turn it is first
  std::unordered_map<std::string_view, RowPlace> row_by_client_;
  std::unordered_map<net::EventLoop*, Port*> ports_;
};

class RequestGate::Wait {
 public:
  Wait(RequestGate& gate, std::shared_ptr<Port> port, ops::Gauge& gauge, Waiter& waiter);
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  friend class RequestGate;
  enum class State { waiting, granted, refused, done };

  RequestGate& gate_;
  const std::shared_ptr<Port> port_;
  ops::Gauge& gauge_;
  Waiter& waiter_;
  // Guarded by the gate's mutex.
  State state_ = State::waiting;
  RowPlace row_;                      // while it waits
  std::list<Wait*>::iterator place_;  // in the row, then among the port's ready ones
  std::optional<base::Error> refusal_;
};

}  // namespace vsaproxy::relay
