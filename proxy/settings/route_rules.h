#pragma once
// From settings to the rules of routing/, which knows no settings. Pure.

#include <vector>

#include "proxy/routing/route_table.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::settings {

// One rule; its case is that of the route's upstream.
routing::RouteRule route_rule(const Route& route, const Settings& settings);

// The rules of all routes, by the same indexes as Settings::routes.
std::vector<routing::RouteRule> route_rules(const Settings& settings);

}  // namespace vsaproxy::settings
