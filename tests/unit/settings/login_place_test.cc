#include "proxy/settings/login_place.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::settings;

namespace {

Upstream upstream_at(std::string_view host) {
  Upstream upstream;
  upstream.origin = {"https", std::string(host), 443};
  upstream.credential = 0;
  return upstream;
}

Settings settings_with(std::optional<http::Origin> login_origin) {
  Settings settings;
  settings.credentials.emplace_back().login_origin = std::move(login_origin);
  settings.upstreams.push_back(upstream_at("api.example.net"));
  settings.upstreams.push_back(upstream_at("login.example.net"));
  settings.upstreams[1].tls.server_name = "inside.example.net";
  settings.upstreams[0].connect = http::Authority{"192.0.2.1", 443};
  return settings;
}

}  // namespace

TEST_CASE("a login goes to the upstream's own server unless its type names another") {
  const Settings settings = settings_with(std::nullopt);
  CHECK(login_place(settings, settings.upstreams[0]) == settings.upstreams[0]);
  const Settings same = settings_with(http::Origin{"https", "api.example.net", 443});
  CHECK(login_place(same, same.upstreams[0]) == same.upstreams[0]);
}

TEST_CASE("a login server that is also an upstream is reached and trusted as that one") {
  const Settings settings = settings_with(http::Origin{"https", "login.example.net", 443});
  CHECK(login_place(settings, settings.upstreams[0]) == settings.upstreams[1]);
}

TEST_CASE("a login server of no upstream gets nothing of the upstream's connect or tls") {
  const Settings settings = settings_with(http::Origin{"https", "sso.example.net", 8443});
  const Upstream place = login_place(settings, settings.upstreams[0]);
  CHECK(place.origin.to_string() == "https://sso.example.net:8443");
  CHECK_FALSE(place.connect);
  CHECK(place.tls == UpstreamTls{});
}
