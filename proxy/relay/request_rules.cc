#include "proxy/relay/request_rules.h"

#include <algorithm>
#include <utility>

#include "proxy/settings/route_rules.h"

namespace vsaproxy::relay {
namespace {

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

std::unique_ptr<const auth::MessageEditor> make_editor(
    const std::vector<settings::Credential>& credentials, const settings::Upstream& upstream) {
  if (!upstream.credential) return nullptr;
  const settings::Credential& credential = credentials[*upstream.credential];
  return credential.scheme->make_editor != nullptr
             ? credential.scheme->make_editor(credential.values)
             : nullptr;
}

}  // namespace

RequestRules make_request_rules(std::shared_ptr<const settings::Settings> settings) {
  RequestRules rules;
  rules.routes = routing::RouteTable(settings::route_rules(*settings));
  rules.has_raw_paths = std::any_of(settings->routes.begin(), settings->routes.end(),
                                    [](const settings::Route& route) { return route.raw_paths; });
  for (const settings::Listener& listener : settings->listeners) {
    rules.access.push_back(settings::access_rules(*settings, listener));
  }
  for (std::size_t i = 0; i < settings->upstreams.size(); ++i) {
    const settings::Upstream& upstream = settings->upstreams[i];
    rules.forward.push_back(forward_routes(*settings, i));
    rules.host_fields.push_back(upstream.origin.authority());
    rules.editors.push_back(make_editor(settings->credentials, upstream));
  }
  rules.settings = std::move(settings);
  return rules;
}

}  // namespace vsaproxy::relay
