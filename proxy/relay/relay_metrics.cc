#include "proxy/relay/relay_metrics.h"

#include <string>
#include <string_view>
#include <utility>

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

void RelayMetrics::count_refused(base::ErrorKind kind) {
  set_.counter("vsaproxy_refused_total", {std::string(base::reason_text(kind))}).add();
}

void RelayMetrics::count_replay(const std::string& upstream, ReplayResult result) {
  set_.counter("vsaproxy_replays_total", {upstream, std::string(name_of(result))}).add();
}

ops::Gauge& RelayMetrics::waiting_requests(const std::string& upstream) {
  return set_.gauge("vsaproxy_waiting_requests", {upstream});
}

RequestCounters::RequestCounters(ops::MetricSet& set,
                                 std::shared_ptr<const settings::Settings> settings)
    : set_(set),
      settings_(std::move(settings)),
      routes_(settings_->listeners.size() * (settings_->routes.size() + 1)),
      upstreams_(settings_->upstreams.size()) {}

void RequestCounters::make_counters(PerRoute& counters, std::size_t listener,
                                    std::optional<std::size_t> route, std::size_t status_class) {
  const std::string name = route ? settings_->routes[*route].name : std::string();
  counters.by_class[status_class] = &set_.counter(
      "vsaproxy_requests_total",
      {settings_->listeners[listener].name, name, std::string(class_names[status_class])});
  counters.duration = &set_.histogram("vsaproxy_request_duration_seconds", {name});
}

void RequestCounters::count_request(std::size_t listener, std::optional<std::size_t> route,
                                    int status, std::chrono::microseconds total) {
  const std::size_t count = settings_->routes.size();
  PerRoute& counters = routes_[listener * (count + 1) + route.value_or(count)];
  const auto status_class = static_cast<std::size_t>(status / 100) % class_names.size();
  if (counters.by_class[status_class] == nullptr) {
    make_counters(counters, listener, route, status_class);
  }
  counters.by_class[status_class]->add();
  counters.duration->observe(Seconds(total).count());
}

void RequestCounters::count_upstream(std::size_t upstream, std::chrono::microseconds time) {
  ops::Histogram*& histogram = upstreams_[upstream];
  if (histogram == nullptr) {
    histogram = &set_.histogram("vsaproxy_upstream_duration_seconds",
                                {settings_->upstreams[upstream].name});
  }
  histogram->observe(Seconds(time).count());
}

bool RequestCounters::count_observed(std::size_t route, base::Time now) {
  set_.counter("vsaproxy_observed_refusals_total", {settings_->routes[route].name}).add();
  if (now - observed_since_ >= std::chrono::seconds(1)) {
    observed_since_ = now;
    observed_lines_ = 0;
  }
  return observed_lines_++ < most_observed_lines;
}

}  // namespace vsaproxy::relay
