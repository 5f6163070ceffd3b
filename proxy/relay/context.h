#pragma once
// What a worker lends to its connections and exchanges. One thread.

#include <span>

#include "proxy/base/clock.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/splicer.h"
#include "proxy/ops/log.h"
#include "proxy/relay/client_counts.h"
#include "proxy/relay/deadline.h"
#include "proxy/relay/key_checker.h"
#include "proxy/relay/relay_config.h"
#include "proxy/relay/relay_metrics.h"
#include "proxy/relay/request_id.h"
#include "proxy/relay/upstream_pool.h"
#include "proxy/tokens/token_view.h"

namespace vsaproxy::relay {

// Bytes kept for a slow receiver: above this its sender is paused, until they are all sent.
constexpr std::size_t high_water = 64 * 1024;

class ExchangeStore;

class Context {
 public:
  virtual ~Context() = default;
  virtual net::EventLoop& loop() = 0;
  virtual DeadlineQueue& deadlines() = 0;
  virtual ExchangeStore& exchanges() = 0;
  virtual tokens::TokenView& tokens() = 0;
  virtual ops::Log& log() = 0;
  virtual RelayMetrics& metrics() = 0;
  // For the requests of that configuration; as long as somebody holds it.
  virtual RequestCounters& counters(const RelayConfig& config) = 0;
  // The configuration for new exchanges.
  virtual const RelayConfigPtr& config() = 0;
  // The pool for an upstream of that configuration; lives until it is retired and unused.
  virtual UpstreamPool& pool(const RelayConfig& config, std::size_t upstream) = 0;
  // Read buffer, shared by all connections of the worker: its content is gone with the next read.
  virtual std::span<char> scratch() = 0;
  virtual net::Splicer& splicer() = 0;
  // New text for each exchange, unique in this process and hard to guess.
  virtual RequestId next_request_id() = 0;
  virtual base::WallTime wall_now() = 0;
  virtual KeyChecker& key_checker() = 0;
  virtual ClientCounts& client_counts() = 0;
  // The worker stops: connections close after the answer under way.
  virtual bool is_draining() = 0;
};

}  // namespace vsaproxy::relay
