#pragma once
// From settings to the rules of routing/, which knows no settings. Pure.

#include <vector>

#include "proxy/routing/access_policy.h"
#include "proxy/routing/client_rules.h"
#include "proxy/routing/route_table.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::settings {

// One rule; its case is that of the route's upstream.
routing::RouteRule route_rule(const Route& route, const Settings& settings);

// The rules of all routes, by the same indexes as Settings::routes.
std::vector<routing::RouteRule> route_rules(const Settings& settings);

// The names by which clients may call the listener, those of the upstreams in forward mode too, and
// what browsers may.
routing::AccessRules access_rules(const Settings& settings, const Listener& listener);

// Without users and groups, which have to be looked up first.
routing::ClientRules client_rules(const Listener& listener);

}  // namespace vsaproxy::settings
