#pragma once
// The relay's counters. Owned by the worker; its thread only.

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/ops/metrics.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::relay {

class RelayMetrics {
 public:
  explicit RelayMetrics(ops::MetricSet& set);

  void count_refused(base::ErrorKind kind);
  enum class ReplayResult { accepted, refused, failed };
  void count_replay(const std::string& upstream, ReplayResult result);

  ops::Gauge& waiting_requests(const std::string& upstream);

  ops::Counter& bytes_in() { return bytes_in_; }
  ops::Counter& bytes_out() { return bytes_out_; }
  ops::Gauge& clients_active() { return clients_active_; }
  ops::Gauge& clients_idle() { return clients_idle_; }
  ops::Gauge& upstreams_active() { return upstreams_active_; }
  ops::Gauge& upstreams_idle() { return upstreams_idle_; }

 private:
  ops::MetricSet& set_;
  ops::Counter& bytes_in_;
  ops::Counter& bytes_out_;
  ops::Gauge& clients_active_;
  ops::Gauge& clients_idle_;
  ops::Gauge& upstreams_active_;
  ops::Gauge& upstreams_idle_;
};

// Those by route and upstream, found by their index in one configuration.
class RequestCounters {
 public:
  RequestCounters(ops::MetricSet& set, std::shared_ptr<const settings::Settings> settings);

  // An answer was sent, or the client left (status 0). `route` is empty if the request got none.
  void count_request(std::size_t listener, std::optional<std::size_t> route, int status,
                     std::chrono::microseconds total);
  void count_upstream(std::size_t upstream, std::chrono::microseconds time);
  // Rules of the route would have refused a request. True if it should be logged: the log is no
  // help in a flood.
  bool count_observed(std::size_t route, base::Time now);

  static constexpr int most_observed_lines = 10;  // a second

 private:
  // Made when first used: a metric that never counted is not shown.
  struct PerRoute {
    std::array<ops::Counter*, 6> by_class{};  // index: first digit of the status; 0: none
    ops::Histogram* duration = nullptr;
  };
  void make_counters(PerRoute& counters, std::size_t listener, std::optional<std::size_t> route,
                     std::size_t status_class);

  ops::MetricSet& set_;
  std::shared_ptr<const settings::Settings> settings_;
  std::vector<PerRoute> routes_;  // by listener, then by route; the last of a listener: no route
  std::vector<ops::Histogram*> upstreams_;
  base::Time observed_since_{};
  int observed_lines_ = 0;
};

}  // namespace vsaproxy::relay
