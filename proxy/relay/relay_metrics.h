#pragma once
// The relay's counters, looked up once for each configuration. Owned by the worker; its thread
// only.

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/ops/metrics.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::relay {

class RelayMetrics {
 public:
  explicit RelayMetrics(ops::MetricSet& set);

  // An answer was sent, or the client left (status 0). Route and upstream are empty if the request
  // got none.
  void count_request(const std::string& listener, const std::string& route, int status,
                     std::chrono::microseconds total);
  void count_upstream(const std::string& upstream, std::chrono::microseconds time);
  void count_refused(base::ErrorKind kind);
  enum class ReplayResult { accepted, refused, failed };
  void count_replay(const std::string& upstream, ReplayResult result);

  ops::Counter& bytes_in() { return bytes_in_; }
  ops::Counter& bytes_out() { return bytes_out_; }
  ops::Gauge& clients_active() { return clients_active_; }
  ops::Gauge& clients_idle() { return clients_idle_; }
  ops::Gauge& upstreams_active() { return upstreams_active_; }
  ops::Gauge& upstreams_idle() { return upstreams_idle_; }

 private:
  struct PerRoute {
    std::array<ops::Counter*, 6> by_class{};  // index: first digit of the status; 0: none
    ops::Histogram* duration = nullptr;
  };

  ops::MetricSet& set_;
  ops::Counter& bytes_in_;
  ops::Counter& bytes_out_;
  ops::Gauge& clients_active_;
  ops::Gauge& clients_idle_;
  ops::Gauge& upstreams_active_;
  ops::Gauge& upstreams_idle_;
  std::map<std::pair<std::string, std::string>, PerRoute> routes_;
  std::map<std::string, ops::Histogram*> upstreams_;
};

}  // namespace vsaproxy::relay
