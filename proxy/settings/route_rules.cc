#include "proxy/settings/route_rules.h"

namespace vsaproxy::settings {

routing::RouteRule route_rule(const Route& route, const Settings& settings) {
  return {.path_prefix = route.path_prefix,
          .host = route.host,
          .listener = route.listener,
          .case_sensitive = settings.upstreams[route.upstream].path_case == PathCase::sensitive};
}

std::vector<routing::RouteRule> route_rules(const Settings& settings) {
  std::vector<routing::RouteRule> rules;
  rules.reserve(settings.routes.size());
  for (const Route& route : settings.routes) rules.push_back(route_rule(route, settings));
  return rules;
}

}  // namespace vsaproxy::settings
