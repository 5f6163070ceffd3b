#include "proxy/relay/relay_metrics.h"

namespace vsaproxy::relay {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::array<std::string_view, 6> class_names = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

std::string_view name_of(RelayMetrics::ReplayResult result) {
  switch (result) {
    case RelayMetrics::ReplayResult::accepted:
      return "accepted";
    case RelayMetrics::ReplayResult::refused:
      return "refused";
    case RelayMetrics::ReplayResult::failed:
      return "failed";
  }
  return "failed";
}

}  // namespace

RelayMetrics::RelayMetrics(ops::MetricSet& set)
    : set_(set),
      bytes_in_(set.counter("vsaproxy_bytes_total", {"in"})),
      bytes_out_(set.counter("vsaproxy_bytes_total", {"out"})),
      clients_active_(set.gauge("vsaproxy_connections", {"client", "active"})),
      clients_idle_(set.gauge("vsaproxy_connections", {"client", "idle"})),
      upstreams_active_(set.gauge("vsaproxy_connections", {"upstream", "active"})),
      upstreams_idle_(set.gauge("vsaproxy_connections", {"upstream", "idle"})) {}

void RelayMetrics::count_request(const std::string& listener, const std::string& route, int status,
                                 std::chrono::microseconds total) {
  PerRoute& counters = routes_[{listener, route}];
  const auto index = static_cast<std::size_t>(status / 100) % class_names.size();
  if (counters.by_class[index] == nullptr) {
    counters.by_class[index] = &set_.counter("vsaproxy_requests_total",
                                             {listener, route, std::string(class_names[index])});
  }
  if (counters.duration == nullptr) {
    counters.duration = &set_.histogram("vsaproxy_request_duration_seconds", {route});
  }
  counters.by_class[index]->add();
  counters.duration->observe(Seconds(total).count());
}

void RelayMetrics::count_upstream(const std::string& upstream, std::chrono::microseconds time) {
  ops::Histogram*& histogram = upstreams_[upstream];
  if (histogram == nullptr) {
    histogram = &set_.histogram("vsaproxy_upstream_duration_seconds", {upstream});
  }
  histogram->observe(Seconds(time).count());
}

void RelayMetrics::count_refused(base::ErrorKind kind) {
  set_.counter("vsaproxy_refused_total", {std::string(base::reason_text(kind))}).add();
}

void RelayMetrics::count_replay(const std::string& upstream, ReplayResult result) {
  set_.counter("vsaproxy_replays_total", {upstream, std::string(name_of(result))}).add();
}

}  // namespace vsaproxy::relay
