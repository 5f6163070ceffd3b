#include "proxy/relay/request_gate.h"

#include <algorithm>
#include <cstdint>

namespace vsaproxy::relay {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Time;
using std::chrono::nanoseconds;

// A timer comes a millisecond late, and a busy loop later: so much of a token's time is not lost to
// those who wait.
constexpr nanoseconds timer_lateness = std::chrono::milliseconds(10);

// That so many requests take at the rate.
nanoseconds time_of(const settings::RequestLimits& limits, std::size_t count) {
  return *limits.interval * static_cast<std::int64_t>(count);
}

}  // namespace

// What is to be done in one worker's thread: telling its waiting requests, and the timer for the
// next one. Owned by them together, so that it ends in that thread.
struct RequestGate::Port : std::enable_shared_from_this<Port> {
  Port(RequestGate& owner, net::EventLoop& workers)
      : gate(owner), loop(workers), timer(loop.make_timer([this] { on_timer(); })) {}
  ~Port() {
    const std::lock_guard lock(gate.mutex_);
    gate.ports_.erase(&loop);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // With the gate's mutex held; any thread.
  void call() {
    if (std::exchange(is_called, true)) return;
    loop.post([port = weak_from_this()] {
      auto alive = port.lock();
      if (!alive) return;
      // Whose turn comes may go on to the next configuration, and this one's gate with it.
      const auto kept = alive->gate.weak_from_this().lock();
      alive->run();
      alive.reset();
    });
  }
  void run();
  bool tell_one();
  void arm();
  void on_timer();

  RequestGate& gate;
  net::EventLoop& loop;
  const std::unique_ptr<net::Timer> timer;
  // Guarded by the gate's mutex.
  std::list<Wait*> ready;  // their turn has come, or will not
  bool is_called = false;
  bool is_armed = false;
};

void RequestGate::Port::run() {
  {
    const std::lock_guard lock(gate.mutex_);
    is_called = false;
  }
  while (tell_one()) {
  }
  arm();
}

bool RequestGate::Port::tell_one() {
  std::unique_lock lock(gate.mutex_);
  if (ready.empty()) return false;
  Wait& wait = *ready.front();
  ready.pop_front();
  const bool is_granted = std::exchange(wait.state_, Wait::State::done) == Wait::State::granted;
  lock.unlock();
  wait.waiter_.on_turn(is_granted ? Result<Slot>(Slot(gate, loop))
                                  : base::fail(std::move(*wait.refusal_)));
  return true;
}

// One timer is enough: that of the worker whose request is next.
void RequestGate::Port::arm() {
  const Time now = loop.now();
  base::Duration delay{};
  {
    const std::lock_guard lock(gate.mutex_);
    if (gate.rows_.empty() || !gate.has_slot()) return;
    if (gate.rows_.front().waits.front()->port_.get() != this) return;
    delay = std::chrono::ceil<base::Duration>(gate.next_begin() - now);
    is_armed = true;
  }
  timer->start(std::max(delay, base::Duration::zero()));
}

void RequestGate::Port::on_timer() {
  const std::lock_guard lock(gate.mutex_);
  is_armed = false;
  gate.serve(loop.now());
}

RequestGate::Slot& RequestGate::Slot::operator=(Slot&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(loop_, other.loop_);
  return *this;
}

void RequestGate::Slot::release() {
  if (gate_ != nullptr) std::exchange(gate_, nullptr)->leave(loop_->now());
}

Time RequestGate::next_begin() const {
  if (!limits_.interval) return {};
  return full_at_ - time_of(limits_, limits_.burst - 1);
}

// The bucket as a time (GCRA): each token moves the moment at which it is full by one interval.
bool RequestGate::take_token(Time now, nanoseconds lateness) {
  if (!limits_.interval) return true;
  if (next_begin() > now) return false;
  full_at_ = std::max(full_at_, now - lateness) + *limits_.interval;
  return true;
}

RequestGate::Slot RequestGate::take(net::EventLoop& loop) {
  const Time now = loop.now();
  const std::lock_guard lock(mutex_);
  if (!rows_.empty()) serve(now);
  if (!rows_.empty() || !has_slot() || !take_token(now, nanoseconds::zero())) return {};
  ++under_way_;
  return {*this, loop};
}

RequestGate::Slot RequestGate::take_if_half_free(net::EventLoop& loop) {
  const std::lock_guard lock(mutex_);
  if (!rows_.empty() || (limits_.concurrency && 2 * (under_way_ + 1) > *limits_.concurrency)) {
    return {};
  }
  if (!take_token(loop.now(), nanoseconds::zero())) return {};
  ++under_way_;
  return {*this, loop};
}

Result<std::unique_ptr<RequestGate::Wait>> RequestGate::wait(Newcomer newcomer, Waiter& waiter) {
  const Time now = newcomer.loop.now();
  std::shared_ptr<Port> port;  // ends without the lock
  const std::lock_guard lock(mutex_);
  if (waiting_ >= limits_.queue && !make_room_for(newcomer.client, now)) {
    return base::fail(full_error(now));
  }
  port = port_of(newcomer.loop);
  auto wait = std::make_unique<Wait>(*this, std::move(port), newcomer.gauge, waiter);
  wait->row_ = row_of(newcomer.client);
  wait->place_ = wait->row_->waits.insert(wait->row_->waits.end(), wait.get());
  ++waiting_;
  serve(now);
  return wait;
}

// Whoever fills the queue doesn't keep the others out of it: its youngest request gives way.
bool RequestGate::make_room_for(const std::string& client, Time now) {
  const auto longest = std::max_element(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
    return a.waits.size() < b.waits.size();
  });
  const auto own = row_by_client_.find(client);
  const std::size_t own_size = own == row_by_client_.end() ? 0 : own->second->waits.size();
  if (longest == rows_.end() || longest->waits.size() <= own_size + 1) return false;
  Wait& last = *longest->waits.back();
  last.state_ = Wait::State::refused;
  last.refusal_ = full_error(now);
  last.port_->ready.splice(last.port_->ready.end(), longest->waits, last.place_);
  last.port_->call();
  --waiting_;
  return true;
}

RequestGate::RowPlace RequestGate::row_of(const std::string& client) {
  const auto known = row_by_client_.find(client);
  if (known != row_by_client_.end()) return known->second;
  const auto row = rows_.insert(rows_.end(), Row{client, {}});
  row_by_client_.emplace(row->client, row);
  return row;
}

void RequestGate::remove_if_empty(RowPlace row) {
  if (!row->waits.empty()) return;
  row_by_client_.erase(row->client);
  rows_.erase(row);
}

Error RequestGate::full_error(Time now) const {
  Error error{ErrorKind::rate_limited,
              "the limits of the upstream are reached, and its queue is full"};
  if (next_begin() > now) error.retry_after = std::chrono::ceil<base::Duration>(next_begin() - now);
  return error;
}

std::shared_ptr<RequestGate::Port> RequestGate::port_of(net::EventLoop& loop) {
  const auto known = ports_.find(&loop);
  if (known != ports_.end()) return known->second->shared_from_this();
  auto port = std::make_shared<Port>(*this, loop);
  ports_.emplace(&loop, port.get());
  return port;
}

// Whoever can begin does, one of each client in turn; the next one's worker sets its timer.
void RequestGate::serve(Time now) {
  while (!rows_.empty() && has_slot() && take_token(now, timer_lateness)) {
    const RowPlace row = rows_.begin();
    Wait& wait = *row->waits.front();
    wait.state_ = Wait::State::granted;
    wait.port_->ready.splice(wait.port_->ready.end(), row->waits, wait.place_);
    wait.port_->call();
    rows_.splice(rows_.end(), rows_, row);
    remove_if_empty(row);
    --waiting_;
    ++under_way_;
  }
  if (rows_.empty() || !has_slot()) return;
  Port& next = *rows_.front().waits.front()->port_;
  if (!next.is_armed) next.call();
}

void RequestGate::leave(Time now) {
  const std::lock_guard lock(mutex_);
  --under_way_;
  if (!rows_.empty()) serve(now);
}

void RequestGate::set_limits(const settings::RequestLimits& limits, Time now) {
  const std::lock_guard lock(mutex_);
  if (limits == limits_) return;
  limits_ = limits;
  if (limits.interval) full_at_ = std::min(full_at_, now + time_of(limits, limits.burst));
  // Timers stand at the times of the former rate.
  for (const auto& [loop, port] : ports_) port->is_armed = false;
  serve(now);
}

void RequestGate::withdraw(Wait& wait, Time now) {
  const std::lock_guard lock(mutex_);
  switch (wait.state_) {
    case Wait::State::waiting:
      wait.row_->waits.erase(wait.place_);
      remove_if_empty(wait.row_);
      --waiting_;
      return serve(now);
    case Wait::State::granted:
      wait.port_->ready.erase(wait.place_);
      --under_way_;
      return serve(now);
    case Wait::State::refused:
      wait.port_->ready.erase(wait.place_);
      return;
    case Wait::State::done:
      return;
  }
}

RequestGate::Wait::Wait(RequestGate& gate, std::shared_ptr<Port> port, ops::Gauge& gauge,
                        Waiter& waiter)
    : gate_(gate), port_(std::move(port)), gauge_(gauge), waiter_(waiter) {
  gauge_.add(1);
}

RequestGate::Wait::~Wait() {
  gauge_.add(-1);
  gate_.withdraw(*this, port_->loop.now());
}

}  // namespace vsaproxy::relay
