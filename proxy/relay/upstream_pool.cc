#include "proxy/relay/upstream_pool.h"

#include <algorithm>
#include <utility>

namespace vsaproxy::relay {

using base::Result;

namespace {

// Descriptors may also be freed by others than this pool.
constexpr net::Duration room_interval = std::chrono::milliseconds(100);

}  // namespace

Result<std::unique_ptr<UpstreamPool>> UpstreamPool::make(const Tools& tools, Identity identity,
                                                         std::size_t share) {
  std::unique_ptr<net::ClientTls> tls;
  if (identity.origin.scheme == "https") {
    auto made = net::ClientTls::make(identity.origin, identity.tls, identity.files);
    if (!made) return base::fail(std::move(made.error()));
    tls = std::move(*made);
  }
  return std::make_unique<UpstreamPool>(tools, std::move(identity), share, std::move(tls));
}

UpstreamPool::UpstreamPool(const Tools& tools, Identity identity, std::size_t share,
                           std::unique_ptr<net::ClientTls> tls)
    : tools_(tools),
      identity_(std::move(identity)),
      share_(share),
      tls_(std::move(tls)),
      idle_timer_(tools_.loop.make_timer([this] {
        idle_timer_is_set_ = false;
        drop_idle_since(tools_.loop.now() - identity_.pool.idle_timeout);
        arm_idle_timer();
      })),
      room_timer_(tools_.loop.make_timer([this] {
        lacks_room_ = false;
        serve_waits();
      })) {
  const auto& connect = identity_.connect;
  target_.host = connect ? connect->host : identity_.origin.host;
  target_.port = connect ? connect->port.value_or(identity_.origin.port) : identity_.origin.port;
  target_.tls = tls_.get();
  target_.connect_timeout = identity_.timeouts.connect;
  target_.tls_timeout = identity_.timeouts.tls;
}

UpstreamPool::~UpstreamPool() {
  total_ = 0;
  idle_.clear();
  update_gauges();
}

ConnectionPtr UpstreamPool::take_idle() {
  if (idle_.empty()) return nullptr;
  ConnectionPtr connection = std::move(idle_.back());
  idle_.pop_back();
  update_gauges();
  return connection;
}

std::unique_ptr<UpstreamPool::Wait> UpstreamPool::acquire(Freshness freshness,
                                                          ConnectionWaiter& waiter) {
  auto wait = std::make_unique<Wait>(*this, freshness, waiter);
  // Full of idle ones, and only a new one will do.
  if (freshness == Freshness::fresh_only && total_ >= share_ && !idle_.empty()) {
    ConnectionPtr oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
    close(std::move(oldest));
  }
  serve_waits();
  return wait;
}

void UpstreamPool::release(ConnectionPtr connection) {
  connection->detach();
  if (!connection->is_reusable() || is_retired_) {
    close(std::move(connection));
    serve_waits();
    return;
  }
  const auto waiting = std::find_if(waits_.begin(), waits_.end(),
                                    [](const Wait* wait) { return !wait->is_dialling_; });
  if (waiting != waits_.end()) {
    if ((*waiting)->freshness_ == Freshness::any) return (*waiting)->finish(std::move(connection));
    // Its turn, and only a new one will do: this one makes room.
    close(std::move(connection));
    return serve_waits();
  }
  connection->become_idle(*this, tools_.loop.now());
  idle_.push_back(std::move(connection));
  if (idle_.size() == 1) arm_idle_timer();
  update_gauges();
}

void UpstreamPool::close(ConnectionPtr connection) {
  --total_;
  lacks_room_ = false;
  tools_.loop.destroy_later(std::move(connection));
  update_gauges();
}

void UpstreamPool::serve_waits() {
  for (Wait* wait : waits_) {
    if (lacks_room_ || total_ >= share_) return;
    if (!wait->is_dialling_) wait->dial();
  }
}

// Idle or carrying: dials that are under way are none yet.
bool UpstreamPool::has_connections() const {
  const auto dialling = std::count_if(waits_.begin(), waits_.end(),
                                      [](const Wait* wait) { return wait->is_dialling_; });
  return total_ > static_cast<std::size_t>(dialling);
}

void UpstreamPool::on_idle_closed(UpstreamConnection& connection) {
  const auto found = std::find_if(idle_.begin(), idle_.end(), [&](const ConnectionPtr& known) {
    return known.get() == &connection;
  });
  if (found == idle_.end()) return;
  ConnectionPtr closed = std::move(*found);
  idle_.erase(found);
  close(std::move(closed));
  serve_waits();
}

void UpstreamPool::drop_idle_since(net::Time limit) {
  while (!idle_.empty() && idle_.front()->idle_since() <= limit) {
    ConnectionPtr oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
    close(std::move(oldest));
  }
}

// Set for the oldest of them, perhaps for one that is gone: it comes too early then, and is set
// anew.
void UpstreamPool::arm_idle_timer() {
  if (idle_.empty() || std::exchange(idle_timer_is_set_, true)) return;
  const auto due = idle_.front()->idle_since() + identity_.pool.idle_timeout;
  const auto wait = std::chrono::ceil<net::Duration>(due - tools_.loop.now());
  idle_timer_->start(std::max(wait, net::Duration(1)));
}

void UpstreamPool::retire() {
  is_retired_ = true;
  drop_idle_since(net::Time::max());
}

void UpstreamPool::update_gauges() {
  const std::size_t active = total_ - std::min(total_, idle_.size());
  tools_.idle_gauge.add(static_cast<double>(idle_.size()) - static_cast<double>(shown_idle_));
  tools_.active_gauge.add(static_cast<double>(active) - static_cast<double>(shown_active_));
  shown_idle_ = idle_.size();
  shown_active_ = active;
}

UpstreamPool::Wait::Wait(UpstreamPool& pool, Freshness freshness, ConnectionWaiter& waiter)
    : pool_(pool), freshness_(freshness), waiter_(waiter) {
  place_ = pool_.waits_.insert(pool_.waits_.end(), this);
}

UpstreamPool::Wait::~Wait() {
  if (is_done_) return;
  pool_.waits_.erase(place_);
  if (is_dialling_) {
    --pool_.total_;
    pool_.update_gauges();
    pool_.serve_waits();
  }
}

void UpstreamPool::Wait::dial() {
  is_dialling_ = true;
  ++pool_.total_;
  pool_.update_gauges();
  dial_ =
      pool_.tools_.dialer.dial(pool_.target_, [this](Result<std::unique_ptr<net::Stream>> stream) {
        pool_.tools_.loop.destroy_later(std::move(dial_));
        if (!stream && stream.error().kind == base::ErrorKind::overloaded &&
            freshness_ == Freshness::any && pool_.has_connections()) {
          return wait_for_room();
        }
        if (!stream) return finish(base::fail(std::move(stream.error())));
        finish(std::make_unique<UpstreamConnection>(std::move(*stream), pool_.tools_.head_limits,
                                                    pool_.tools_.scratch));
      });
}

void UpstreamPool::Wait::wait_for_room() {
  is_dialling_ = false;
  --pool_.total_;
  pool_.update_gauges();
  // It may have been given back while this dialled.
  if (ConnectionPtr idle = pool_.take_idle()) return finish(std::move(idle));
  if (!std::exchange(pool_.lacks_room_, true)) pool_.room_timer_->start(room_interval);
}

void UpstreamPool::Wait::finish(Result<ConnectionPtr> outcome) {
  is_done_ = true;
  pool_.waits_.erase(place_);
  if (!outcome) {
    --pool_.total_;
    pool_.update_gauges();
    pool_.serve_waits();
  }
  waiter_.on_connection(std::move(outcome));
}

}  // namespace vsaproxy::relay
