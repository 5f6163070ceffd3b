#pragma once
// What may be asked on a route: its methods, and allow and deny rules for its paths. Pure; constant
// once made, so that workers may share it.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/routing/path_pattern.h"

namespace vsaproxy::routing {

struct PathRule {
  std::vector<std::string> methods;  // empty: all
  std::vector<PathPattern> paths;    // empty: all
  friend bool operator==(const PathRule&, const PathRule&) = default;
};

struct PathRules {
  std::vector<std::string> methods;  // empty: all
  std::vector<PathRule> allow;       // empty: all that is not denied
  std::vector<PathRule> deny;        // wins over allow

  bool empty() const { return methods.empty() && allow.empty() && deny.empty(); }
  friend bool operator==(const PathRules&, const PathRules&) = default;
};

// `decoded_path` as http::normalize_path gives it with PathOptions::has_rules, without the route's
// strip_prefix. Methods are compared exactly, but in deny rules without case: some servers ignore
// it. For deny rules a "%2F" is also a slash. A field that asks the server for another method or
// path, as X-HTTP-Method-Override, is refused. Error: route_denied, with the rule.
base::Result<void> check_rules(const PathRules& rules, std::string_view method,
                               const http::Fields& fields, std::string_view decoded_path,
                               PathCase path_case);

}  // namespace vsaproxy::routing
