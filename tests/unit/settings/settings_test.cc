#include "proxy/settings/settings.h"

#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// Written out a second time on purpose: a default is a promise, and changing one must be noticed.
TEST_CASE("the smallest file gets the documented defaults of the service") {
  const Settings settings = good_settings(smallest_file);
  CHECK(settings.workers == 1);
  CHECK(settings.state_dir.empty());
  CHECK(settings.runtime_dir.empty());
  CHECK(settings.limits.header_bytes == 32U * 1024);
  CHECK(settings.limits.header_count == 100);
  CHECK(settings.limits.request_body == std::nullopt);
  CHECK(settings.limits.soap_body == 8U * 1024 * 1024);
  CHECK(settings.limits.connections == 10000);
  CHECK(settings.limits.connections_per_client == 1000);
  CHECK(settings.limits.client_header_timeout == seconds(10));
  CHECK(settings.limits.client_idle_timeout == seconds(60));
  CHECK(settings.limits.drain_timeout == seconds(30));
  REQUIRE(settings.admin);
  CHECK(settings.admin->address == TcpAddress{"127.0.0.1", 9128});
  CHECK(settings.admin->control == "control.sock");
  CHECK(settings.log.level == LogLevel::info);
  CHECK(settings.log.format == LogFormat::text);
  CHECK(settings.log.output == LogOutput{});
  CHECK(settings.log.output.kind == LogOutput::Kind::standard_error);
  CHECK(settings.log.access);
  CHECK(settings.log.query == QueryLogging::drop);
}

TEST_CASE("the smallest file gets the documented defaults of a listener") {
  const Settings settings = good_settings(smallest_file);
  REQUIRE(settings.listeners.size() == 1);
  const Listener& listener = settings.listeners[0];
  CHECK(listener.address == ListenAddress(TcpAddress{"127.0.0.1", 3128}));
  CHECK(listener.reverse);
  CHECK(listener.forward);
  CHECK(listener.allowed_hosts == std::vector<std::string>{"localhost", "127.0.0.1", "::1"});
  CHECK_FALSE(listener.tls);
}

TEST_CASE("the smallest file gets the documented defaults of a credential") {
  const Settings settings = good_settings(smallest_file);
  REQUIRE(settings.credentials.size() == 1);
  const Credential& credential = settings.credentials[0];
  REQUIRE(credential.scheme != nullptr);
  CHECK(credential.scheme->name == "kaseya-vsa9");
  CHECK(credential.values.text("base") == "/api/v1.0");
  CHECK(credential.values.text("password_formula") == "web");
  CHECK(credential.values.text("two_factor") == ":undefined");
  CHECK(credential.values.text("encoding") == "utf-8");
  CHECK(credential.renew_before == auth::Lead(seconds(60)));
  CHECK(credential.max_age == minutes(25));
  CHECK(credential.one_session);
  CHECK(credential.relogin_on == std::vector<int>{401});
  CHECK(credential.login_timeout == seconds(10));
  CHECK(credential.min_backoff == seconds(1));
  CHECK(credential.max_backoff == minutes(5));
  CHECK(credential.login_budget.rejected == 2);
  CHECK(credential.login_budget.per == std::chrono::hours(1));
  CHECK(credential.check.method == "GET");
  CHECK(credential.check.path == "/api/v1.0/echoauth");
}

TEST_CASE("the smallest file gets the documented defaults of an upstream and a route") {
  const Settings settings = good_settings(smallest_file);
  REQUIRE(settings.upstreams.size() == 1);
  const Upstream& upstream = settings.upstreams[0];
  CHECK_FALSE(upstream.connect);
  CHECK_FALSE(upstream.tls.ca);
  CHECK_FALSE(upstream.tls.only_ca);
  CHECK(upstream.tls.min_version == TlsVersion::tls_1_2);
  CHECK(upstream.tls.server_name.empty());
  CHECK(upstream.timeouts == Timeouts{seconds(5), seconds(5), seconds(60), seconds(60)});
  CHECK(upstream.pool == Pool{256, seconds(40)});
  CHECK(upstream.replay == Replay{true, {}, 64U * 1024, false});
  CHECK(upstream.path_case == PathCase::insensitive);
  REQUIRE(settings.routes.size() == 1);
  CHECK(settings.routes[0].path_prefix == "/");
  CHECK(settings.routes[0].host.empty());
  CHECK(settings.routes[0].listener.empty());
  CHECK(settings.routes[0].strip_prefix.empty());
  CHECK_FALSE(settings.routes[0].pass_cookies);
  CHECK_FALSE(settings.routes[0].pass_cors);
}

}  // namespace
}  // namespace vsaproxy::settings
