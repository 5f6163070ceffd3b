#include "proxy/relay/relay_config.h"

#include <utility>

#include "proxy/ops/secret_source.h"
#include "proxy/settings/route_rules.h"

namespace vsaproxy::relay {
namespace {

using base::Result;

ForwardRoutes forward_routes(const settings::Settings& settings, std::size_t upstream) {
  std::vector<routing::RouteRule> rules;
  std::vector<std::size_t> routes;
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const settings::Route& route = settings.routes[i];
    if (route.upstream != upstream) continue;
    routing::RouteRule rule = settings::route_rule(route, settings);
    rule.path_prefix.erase(0, route.strip_prefix.size());
    if (rule.path_prefix.empty()) rule.path_prefix = "/";
    rules.push_back(std::move(rule));
    routes.push_back(i);
  }
  return {routing::RouteTable(std::move(rules)), std::move(routes)};
}

routing::AccessRules access_rules(const settings::Settings& settings,
                                  const settings::Listener& listener) {
  routing::AccessRules rules{listener.allowed_hosts};
  if (listener.forward) {
    for (const settings::Upstream& upstream : settings.upstreams) {
      rules.allowed_hosts.push_back(upstream.origin.host);
    }
  }
  return rules;
}

Result<std::shared_ptr<const net::ServerTls>> listener_tls(const settings::Settings& settings,
                                                           const settings::ListenerTls& tls) {
  auto certificate = ops::read_public(tls.certificate, settings.file);
  if (!certificate) return base::fail(std::move(certificate.error()));
  auto key = ops::read_secret(tls.key, settings.file);
  if (!key) return base::fail(std::move(key.error()));
  return net::ServerTls::make(*certificate, *key, tls.min_version);
}

// Tried once here, so that workers can't fail on it later.
Result<std::string> upstream_ca(const settings::Settings& settings,
                                const settings::Upstream& upstream) {
  auto ca = ops::read_optional_public(upstream.tls.ca, settings.file);
  if (!ca || upstream.origin.scheme != "https") return ca;
  auto tls = net::ClientTls::make(upstream.tls, *ca, upstream.origin.host);
  if (!tls) return base::fail(std::move(tls.error()));
  return ca;
}

std::unique_ptr<const auth::MessageEditor> make_editor(
    const std::vector<settings::Credential>& credentials, const settings::Upstream& upstream) {
  if (!upstream.credential) return nullptr;
  const settings::Credential& credential = credentials[*upstream.credential];
  return credential.scheme->make_editor != nullptr
             ? credential.scheme->make_editor(credential.values)
             : nullptr;
}

}  // namespace

Result<RelayConfigPtr> make_relay_config(std::shared_ptr<const settings::Settings> settings,
                                         std::vector<std::optional<tokens::SessionId>> sessions) {
  auto config = std::make_shared<RelayConfig>();
  config->routes = routing::RouteTable(settings::route_rules(*settings));
  config->sessions = std::move(sessions);
  for (const settings::Listener& listener : settings->listeners) {
    config->access.push_back(access_rules(*settings, listener));
    config->listener_tls.emplace_back();
    if (!listener.tls) continue;
    auto tls = listener_tls(*settings, *listener.tls);
    if (!tls) {
      return base::fail(base::ErrorKind::configuration,
                        "listener " + listener.name + ": " + tls.error().detail);
    }
    config->listener_tls.back() = std::move(*tls);
  }
  for (std::size_t i = 0; i < settings->upstreams.size(); ++i) {
    const settings::Upstream& upstream = settings->upstreams[i];
    config->forward.push_back(forward_routes(*settings, i));
    config->host_fields.push_back(upstream.origin.authority());
    config->editors.push_back(make_editor(settings->credentials, upstream));
    config->upstream_ca.emplace_back();
    auto ca = upstream_ca(*settings, upstream);
    if (!ca) {
      return base::fail(base::ErrorKind::configuration,
                        "upstream " + upstream.name + ": " + ca.error().detail);
    }
    config->upstream_ca.back() = std::move(*ca);
  }
  config->settings = std::move(settings);
  return config;
}

}  // namespace vsaproxy::relay
