#include "proxy/ops/metrics.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>

using namespace vsaproxy::ops;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// Runs it in a process of its own.
bool ends_by_abort(const std::function<void()>& action) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    ::close(STDERR_FILENO);
    action();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("the exposition sums the sets of all threads") {
  Metrics metrics;
  MetricSet& one = metrics.new_set();
  MetricSet& two = metrics.new_set();
  one.counter("vsaproxy_bytes_total", {"in"}).add(40);
  two.counter("vsaproxy_bytes_total", {"in"}).add(2);
  two.counter("vsaproxy_bytes_total", {"out"}).add();
  one.gauge("vsaproxy_connections", {"client", "open"}).set(3);
  two.gauge("vsaproxy_connections", {"client", "open"}).add(-1);
  const std::string text = metrics.exposition();
  CHECK(has_line(text, "# TYPE vsaproxy_bytes_total counter"));
  CHECK(has_line(text, "vsaproxy_bytes_total{direction=\"in\"} 42"));
  CHECK(has_line(text, "vsaproxy_bytes_total{direction=\"out\"} 1"));
  CHECK(has_line(text, "vsaproxy_connections{side=\"client\",state=\"open\"} 2"));
}

TEST_CASE("a histogram's buckets are cumulative and end with infinity") {
  Metrics metrics;
  Histogram& first = metrics.new_set().histogram("vsaproxy_request_duration_seconds", {"vsa"});
  Histogram& second = metrics.new_set().histogram("vsaproxy_request_duration_seconds", {"vsa"});
  for (const double seconds : {0.0, 0.001, 0.0011, 60.0}) first.observe(seconds);
  second.observe(100);
  const std::string text = metrics.exposition();
  const std::string name = "vsaproxy_request_duration_seconds";
  CHECK(has_line(text, name + "_bucket{route=\"vsa\",le=\"0.001\"} 2"));
  CHECK(has_line(text, name + "_bucket{route=\"vsa\",le=\"0.0025\"} 3"));
  CHECK(has_line(text, name + "_bucket{route=\"vsa\",le=\"60\"} 4"));
  CHECK(has_line(text, name + "_bucket{route=\"vsa\",le=\"+Inf\"} 5"));
  CHECK(has_line(text, name + "_count{route=\"vsa\"} 5"));
  CHECK(text.find(name + "_sum{route=\"vsa\"} 160.002") != std::string::npos);
}

TEST_CASE("every family of the table can be shown") {
  Metrics metrics;
  MetricSet& set = metrics.new_set();
  set.counter("vsaproxy_requests_total", {"local", "vsa", "2xx"}).add();
  set.histogram("vsaproxy_request_duration_seconds", {"vsa"}).observe(1);
  set.histogram("vsaproxy_upstream_duration_seconds", {"vsa"}).observe(1);
  set.counter("vsaproxy_refused_total", {"bad_path"}).add();
  set.gauge("vsaproxy_token_expiry_timestamp_seconds", {"vsa"}).set(1767225600);
  set.counter("vsaproxy_logins_total", {"vsa", "ok"}).add();
  set.gauge("vsaproxy_login_budget_remaining", {"vsa"}).set(2);
  set.counter("vsaproxy_replays_total", {"vsa", "ok"}).add();
  set.gauge("vsaproxy_connections", {"upstream", "idle"}).set(1);
  set.counter("vsaproxy_bytes_total", {"in"}).add();
  set.gauge("vsaproxy_build_info", {"0.1.0"}).set(1);
  set.gauge("vsaproxy_config_last_reload_successful").set(1);
  set.gauge("vsaproxy_config_last_reload_success_timestamp_seconds").set(1767225600);
  const std::string text = metrics.exposition();
  std::size_t families = 0;
  for (std::size_t at = 0; (at = text.find("# HELP ", at)) != std::string::npos; ++at) ++families;
  CHECK(families == 13);
  CHECK(has_line(text,
                 "vsaproxy_requests_total{listener=\"local\",route=\"vsa\",code_class=\"2xx\"} 1"));
  CHECK(has_line(text, "vsaproxy_build_info{version=\"0.1.0\"} 1"));
  CHECK(has_line(text, "vsaproxy_token_expiry_timestamp_seconds{credential=\"vsa\"} 1767225600"));
  CHECK(has_line(text, "vsaproxy_config_last_reload_successful 1"));
}

TEST_CASE("label values are escaped") {
  Metrics metrics;
  metrics.new_set().gauge("vsaproxy_build_info", {"a\"b\\c\nd"}).set(1);
  CHECK(has_line(metrics.exposition(), R"(vsaproxy_build_info{version="a\"b\\c\nd"} 1)"));
}

TEST_CASE("the same labels are the same value") {
  Metrics metrics;
  MetricSet& set = metrics.new_set();
  Counter& counter = set.counter("vsaproxy_refused_total", {"bad_path"});
  CHECK(&counter == &set.counter("vsaproxy_refused_total", {"bad_path"}));
  CHECK(&counter != &set.counter("vsaproxy_refused_total", {"no_route"}));
}

TEST_CASE("nothing counted, nothing shown") { CHECK(Metrics().exposition() == ""); }

TEST_CASE("a misspelt family, type or number of labels ends the process") {
  Metrics metrics;
  MetricSet& set = metrics.new_set();
  CHECK(ends_by_abort([&set] { set.counter("vsaproxy_request_total", {"a", "b", "c"}); }));
  CHECK(ends_by_abort([&set] { set.gauge("vsaproxy_bytes_total", {"in"}); }));
  CHECK(ends_by_abort([&set] { set.counter("vsaproxy_bytes_total"); }));
  CHECK_FALSE(ends_by_abort([&set] { set.counter("vsaproxy_bytes_total", {"in"}); }));
}
