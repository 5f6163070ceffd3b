#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

TEST_CASE("workers, limits, admin and log are read") {
  const Settings settings = good_settings(with_upstream(R"(workers: auto
state_dir: /tmp/state
runtime_dir: /tmp/run
limits: {header_bytes: 16KiB, header_count: 50, request_body: 10MiB, soap_body: 1MiB,
  connections: 10, connections_per_client: 5, client_header_timeout: 1s, client_idle_timeout: 2m,
  drain_timeout: 500ms}
admin: {address: "[::1]:0"}
log: {level: debug, format: json, output: {file: /tmp/log}, access: {query: names}}
)"));
  CHECK(settings.workers == 0);
  CHECK(settings.state_dir == "/tmp/state");
  CHECK(settings.runtime_dir == "/tmp/run");
  CHECK(settings.limits.header_bytes == 16 * 1024);
  CHECK(settings.limits.header_count == 50);
  CHECK(settings.limits.request_body == 10U << 20);
  CHECK(settings.limits.client_idle_timeout == minutes(2));
  CHECK(settings.limits.drain_timeout == base::Duration(500));
  REQUIRE(settings.admin);
  CHECK(settings.admin->address == TcpAddress{"::1", 0});
  CHECK(settings.log.level == LogLevel::debug);
  CHECK(settings.log.format == LogFormat::json);
  CHECK(settings.log.output == LogOutput{LogOutput::Kind::file, "/tmp/log"});
  CHECK(settings.log.query == QueryLogging::names);
}

TEST_CASE("admin and the access log can be switched off") {
  const Settings settings = good_settings(with_upstream("admin: off\nlog: {access: off}\n"));
  CHECK_FALSE(settings.admin);
  CHECK_FALSE(settings.log.access);
}

TEST_CASE("wrong values of the service's own keys are refused") {
  check_bad_files({
      {with_upstream("workers: 0\n"), "5:10: \"workers\" must be a whole number from 1 to 256"},
      {with_upstream("workers: [1]\n"), "5:1: \"workers\" must be a whole number from 1 to 256"},
      {with_upstream("state_dir: var\n"),
       "5:12: \"state_dir\" must be an absolute path: begin it with \"/\""},
      {with_upstream("limits: {header_bytes: 32}\n"),
       "5:24: \"header_bytes\" needs a unit: 32KiB, or 32B for bytes"},
      {with_upstream("limits: {header_bytes: 2MiB}\n"),
       "5:24: \"header_bytes\" must be at most 1MiB"},
      {with_upstream("limits: {drain_timeout: 30}\n"),
       "5:25: \"drain_timeout\" needs a unit: 30s, or 30ms"},
      {with_upstream("limits: {drain_timeout: {a: b}}\n"),
       "5:10: \"drain_timeout\" must be a duration such as 500ms, 30s, 5m or 1h, from 1ms to "
       "8760h"},
      {with_upstream("admin: on\n"),
       "5:8: \"admin\" must be off, or a mapping: {address: 127.0.0.1:9128}"},
      {with_upstream("admin: {address: 0.0.0.0:9128}\n"),
       "5:18: \"address\" must be a loopback address: write "
       "127.0.0.1 or [::1]"},
      {with_upstream("admin: {control: other.sock}\n"), "5:9: \"control\" is not supported yet"},
      {with_upstream("log: {level: inof}\n"),
       "5:14: \"level\" must be debug, info, warning or error (did you mean \"info\"?)"},
      {with_upstream("log: {output: {file: log}}\n"),
       "5:22: \"file\" must be an absolute path: begin it with \"/\""},
      {with_upstream("log: {access: {query: all}}\n"),
       "5:23: \"query\" must be drop, names or full"},
      {with_upstream("log: {access: on}\n"),
       "5:15: \"access\" must be off, or a mapping: {query: drop}"},
  });
}

}  // namespace
}  // namespace vsaproxy::settings
