#include "proxy/ops/metrics.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

namespace vsaproxy::ops {
namespace {

using prometheus::MetricType;

struct Family {
  std::string_view name;
  MetricType type;
  std::array<std::string_view, 3> labels;  // the empty ones are none
  std::string_view help;
};

constexpr std::array families = {
    Family{"vsaproxy_requests_total",
           MetricType::Counter,
           {"listener", "route", "code_class"},
           "Answered requests by class of status."},
    Family{"vsaproxy_request_duration_seconds",
           MetricType::Histogram,
           {"route"},
           "From the request's head to the last byte of its answer."},
    Family{"vsaproxy_upstream_duration_seconds",
           MetricType::Histogram,
           {"upstream"},
           "From sending a request to the last byte of the upstream's answer."},
    Family{"vsaproxy_refused_total",
           MetricType::Counter,
           {"reason"},
           "Answers made by the proxy, by the reason in X-Proxy-Error."},
    Family{"vsaproxy_token_expiry_timestamp_seconds",
           MetricType::Gauge,
           {"credential"},
           "When the current session ends (Unix time); 0 if there is none or no end is known."},
    Family{"vsaproxy_logins_total",
           MetricType::Counter,
           {"credential", "result"},
           "Logins by result: ok, rejected, transient, malformed."},
    Family{"vsaproxy_login_budget_remaining",
           MetricType::Gauge,
           {"credential"},
           "Rejected logins still allowed before no more are sent."},
    Family{"vsaproxy_replays_total",
           MetricType::Counter,
           {"upstream", "result"},
           "Requests sent again after a new login, by result."},
    Family{"vsaproxy_connections",
           MetricType::Gauge,
           {"side", "state"},
           "Open connections to clients and upstreams."},
    Family{"vsaproxy_waiting_requests",
           MetricType::Gauge,
           {"upstream"},
           "Requests that wait for their turn, since limits of the upstream are reached."},
    Family{
        "vsaproxy_bytes_total", MetricType::Counter, {"direction"}, "Bytes of messages relayed."},
    Family{"vsaproxy_observed_refusals_total",
           MetricType::Counter,
           {"route"},
           "Requests that route rules would have refused, in observe mode."},
    Family{"vsaproxy_build_info",
           MetricType::Gauge,
           {"version"},
           "Always 1; the version is the label."},
    Family{"vsaproxy_config_last_reload_successful",
           MetricType::Gauge,
           {},
           "1 if the last attempt to load the configuration succeeded."},
    Family{"vsaproxy_config_last_reload_success_timestamp_seconds",
           MetricType::Gauge,
           {},
           "When the configuration in use was loaded (Unix time)."},
};

std::size_t label_count(const Family& family) {
  return static_cast<std::size_t>(
      std::count_if(family.labels.begin(), family.labels.end(),
                    [](std::string_view label) { return !label.empty(); }));
}

// A misspelt name is a bug that would else show as a metric that never moves.
void check(std::string_view name, MetricType type, const LabelValues& labels) {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [name](const Family& family) { return family.name == name; });
  if (found != families.end() && found->type == type && label_count(*found) == labels.size()) {
    return;
  }
  const std::string message =
      fmt::format("vsaproxy: no metric {} of this type with {} labels\n", name, labels.size());
  std::fputs(message.c_str(), stderr);  // fmt::print would throw if stderr is closed
  std::abort();
}

template <class T, class Table>
T& find_or_make(Table& table, std::string_view family, const LabelValues& labels) {
  auto& value = table[{std::string(family), labels}];
  if (!value) value = std::make_unique<T>();
  return *value;
}

void add_to(prometheus::ClientMetric& sum, const Counter& counter) {
  sum.counter.value += static_cast<double>(counter.value());
}

void add_to(prometheus::ClientMetric& sum, const Gauge& gauge) { sum.gauge.value += gauge.value(); }

// Buckets are cumulative in the exposition. The count is that of the last one, so that both agree
// although the thread goes on counting.
void add_to(prometheus::ClientMetric& sum, const Histogram& histogram) {
  auto& buckets = sum.histogram.bucket;
  buckets.resize(Histogram::bounds.size() + 1);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    below += histogram.bucket(i);
    buckets[i].cumulative_count += below;
    buckets[i].upper_bound = i < Histogram::bounds.size() ? Histogram::bounds[i]
                                                          : std::numeric_limits<double>::infinity();
  }
  sum.histogram.sample_count += below;
  sum.histogram.sample_sum += histogram.sum();
}

using Sums = std::map<LabelValues, prometheus::ClientMetric>;

template <class Table>
void add_all(Sums& sums, const Table& table, std::string_view family) {
  for (auto entry = table.lower_bound({std::string(family), {}});
       entry != table.end() && entry->first.first == family; ++entry) {
    add_to(sums[entry->first.second], *entry->second);
  }
}

prometheus::MetricFamily finish(const Family& family, Sums sums) {
  prometheus::MetricFamily result;
  result.name = family.name;
  result.help = family.help;
  result.type = family.type;
  for (auto& [labels, metric] : sums) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      metric.label.push_back({std::string(family.labels[i]), labels[i]});
    }
    result.metric.push_back(std::move(metric));
  }
  return result;
}

}  // namespace

void Histogram::observe(double seconds) {
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  buckets_[static_cast<std::size_t>(bound - bounds.begin())].add();
  sum_.add(seconds);
}

Counter& MetricSet::counter(std::string_view family, const LabelValues& labels) {
  check(family, MetricType::Counter, labels);
  const std::lock_guard guard(mutex_);
  return find_or_make<Counter>(counters_, family, labels);
}

Gauge& MetricSet::gauge(std::string_view family, const LabelValues& labels) {
  check(family, MetricType::Gauge, labels);
  const std::lock_guard guard(mutex_);
  return find_or_make<Gauge>(gauges_, family, labels);
}

Histogram& MetricSet::histogram(std::string_view family, const LabelValues& labels) {
  check(family, MetricType::Histogram, labels);
  const std::lock_guard guard(mutex_);
  return find_or_make<Histogram>(histograms_, family, labels);
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

MetricSet& Metrics::new_set() {
  const std::lock_guard guard(mutex_);
  return *sets_.emplace_back(std::make_unique<MetricSet>());
}

std::string Metrics::exposition() const {
  const std::lock_guard guard(mutex_);
  std::vector<prometheus::MetricFamily> result;
  for (const Family& family : families) {
    Sums sums;
    for (const auto& set : sets_) {
      const std::lock_guard set_guard(set->mutex_);
      add_all(sums, set->counters_, family.name);
      add_all(sums, set->gauges_, family.name);
      add_all(sums, set->histograms_, family.name);
    }
    if (!sums.empty()) result.push_back(finish(family, std::move(sums)));
  }
  return prometheus::TextSerializer().Serialize(result);
}

}  // namespace vsaproxy::ops
