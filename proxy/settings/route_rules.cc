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

routing::AccessRules access_rules(const Settings& settings, const Listener& listener) {
  routing::AccessRules rules{listener.allowed_hosts, listener.browsers.same_origin,
                             listener.browsers.origins};
  if (listener.forward) {
    for (const Upstream& upstream : settings.upstreams) {
      rules.allowed_hosts.push_back(upstream.origin.host);
    }
  }
  return rules;
}

routing::ClientRules client_rules(const Listener& listener) {
  routing::ClientRules rules;
  rules.allow = listener.clients.allow;
  rules.deny = listener.clients.deny;
  rules.trusted_proxies = listener.trusted_proxies;
  for (const CertificateRule& rule : listener.clients.certificates) {
    rules.certificates.push_back({rule.name, rule.san_dns});
  }
  if (listener.require_header) {
    rules.header_name = listener.require_header->name;
    rules.header_value = listener.require_header->value;
  }
  if (listener.clients.api_keys) rules.key_header = listener.clients.api_keys->header;
  return rules;
}

}  // namespace vsaproxy::settings
