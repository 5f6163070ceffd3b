#pragma once
// Counters without locks: each thread owns a MetricSet and alone writes its values; the admin page
// reads and sums them. Names and labels are those of the README's table, never a path.

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace vsaproxy::ops {

// One writer, any reader: a plain load and store, no locked instruction.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double n) { set(value() + n); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Seconds, in fixed buckets from 1 ms to 60 s.
class Histogram {
 public:
  static constexpr std::array<double, 14> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                    0.25,  0.5,    1,     2.5,  5,     10,   60};
  void observe(double seconds);
  // Of one bucket alone, not cumulative; the last is "above all bounds".
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }
  double sum() const { return sum_.value(); }

 private:
  std::array<Counter, bounds.size() + 1> buckets_;
  Gauge sum_;
};

// In the order of the family's label names.
using LabelValues = std::vector<std::string>;

// The values of one thread. A reference stays valid as long as the set; looking one up takes a
// lock, so a hot path looks up once and keeps the reference.
class MetricSet {
 public:
  Counter& counter(std::string_view family, const LabelValues& labels = {});
  Gauge& gauge(std::string_view family, const LabelValues& labels = {});
  Histogram& histogram(std::string_view family, const LabelValues& labels = {});

 private:
  friend class Metrics;
  template <class T>
  using Table = std::map<std::pair<std::string, LabelValues>, std::unique_ptr<T>>;

  mutable std::mutex mutex_;  // guards the tables, not the values
  Table<Counter> counters_;
  Table<Gauge> gauges_;
  Table<Histogram> histograms_;
};

// All sets of the process and their exposition.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A set for one thread; lives as long as this object.
  MetricSet& new_set();
  // The text format of Prometheus, version 0.0.4: sums over all sets. Any thread.
  std::string exposition() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<MetricSet>> sets_;
};

}  // namespace vsaproxy::ops
