#pragma once
// What may be asked on a route: its methods, and allow and deny rules for its paths. Pure; constant
// once made, so that workers may share it.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/routing/path_pattern.h"

namespace vsaproxy::routing {

struct PathRule {
  std::vector<std::string> methods;  // empty: all
  std::vector<PathPattern> paths;    // empty: all
  base::Place place = {};            // in the file
  friend bool operator==(const PathRule&, const PathRule&) = default;
};

struct PathRules {
  std::vector<std::string> methods;  // empty: all
  std::vector<PathRule> allow;       // empty: all that is not denied
  std::vector<PathRule> deny;        // wins over allow

  bool empty() const { return methods.empty() && allow.empty() && deny.empty(); }
  friend bool operator==(const PathRules&, const PathRules&) = default;
};

// What the rules say of a request, and which of them says it.
struct RuleVerdict {
  enum class Cause {
    no_rules,
    allowed,      // by allow[rule]; or, without any allow rule, since nothing denies it
    method,       // not one of methods
    field,        // `field` may change what the rules have seen
    denied,       // by deny[rule]
    not_allowed,  // by no allow rule
  };

  Cause cause = Cause::no_rules;
  std::size_t rule = 0;
  const PathPattern* pattern = nullptr;  // of that rule, which matched; null: it has every path
  std::string_view field;

  bool refuses() const { return cause != Cause::no_rules && cause != Cause::allowed; }
};

// `decoded_path` as http::normalize_path gives it with PathOptions::has_rules, without the route's
// strip_prefix. Methods are compared exactly, but in deny rules without case: some servers ignore
// it. For deny rules a "%2F" is also a slash. A field that asks the server for another method or
// path, as X-HTTP-Method-Override, is refused. The verdict points into rules and fields.
RuleVerdict judge(const PathRules& rules, std::string_view method, const http::Fields& fields,
                  std::string_view decoded_path, PathCase path_case);

// Error: route_denied, with the rule.
base::Result<void> outcome_of(const RuleVerdict& verdict, const PathRules& rules);

}  // namespace vsaproxy::routing
