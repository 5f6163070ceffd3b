#include "proxy/routing/path_rules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"
#include "proxy/http/raw_path.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// Frameworks that heed them would act on what no rule has seen.
constexpr http::NameSet<5> override_fields({"X-HTTP-Method-Override", "X-HTTP-Method",
                                            "X-Method-Override", "X-Original-URL",
                                            "X-Rewrite-URL"});

bool has_method(const std::vector<std::string>& methods, std::string_view method) {
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool has_method_in_any_case(const std::vector<std::string>& methods, std::string_view method) {
  return methods.empty() ||
         std::any_of(methods.begin(), methods.end(), [&](const std::string& each) {
           return base::equals_ignoring_case(each, method);
         });
}

const PathPattern* find_match(const std::vector<PathPattern>& patterns, std::string_view path,
                              PathCase path_case) {
  const auto found =
      std::find_if(patterns.begin(), patterns.end(),
                   [&](const PathPattern& pattern) { return pattern.matches(path, path_case); });
  return found == patterns.end() ? nullptr : &*found;
}

using Cause = RuleVerdict::Cause;

// The first rule that has this method and path; nothing if there is none.
template <class HasMethod>
std::optional<RuleVerdict> find_rule(const std::vector<PathRule>& rules, std::string_view method,
                                     std::string_view path, PathCase path_case, Cause cause,
                                     HasMethod has_method_of) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!has_method_of(rules[i].methods, method)) continue;
    const PathPattern* pattern = find_match(rules[i].paths, path, path_case);
    if (rules[i].paths.empty() || pattern != nullptr) return RuleVerdict{cause, i, pattern, {}};
  }
  return std::nullopt;
}

std::optional<RuleVerdict> find_deny(const std::vector<PathRule>& deny, std::string_view method,
                                     std::string_view path, PathCase path_case) {
  auto found = find_rule(deny, method, path, path_case, Cause::denied, has_method_in_any_case);
  if (found || deny.empty() || !http::has_escaped_slash(path)) return found;
  // The pattern is the rule's own: it outlives this text.
  return find_rule(deny, method, http::with_slashes(path), path_case, Cause::denied,
                   has_method_in_any_case);
}

}  // namespace

RuleVerdict judge(const PathRules& rules, std::string_view method, const http::Fields& fields,
                  std::string_view decoded_path, PathCase path_case) {
  if (!has_method(rules.methods, method)) return {Cause::method, 0, nullptr, {}};
  const http::Field* changes_it = fields.find_any(override_fields);
  if (changes_it != nullptr) return {Cause::field, 0, nullptr, changes_it->name};
  if (auto denied = find_deny(rules.deny, method, decoded_path, path_case)) return *denied;
  if (rules.allow.empty()) return {Cause::allowed, 0, nullptr, {}};
  return find_rule(rules.allow, method, decoded_path, path_case, Cause::allowed, has_method)
      .value_or(RuleVerdict{Cause::not_allowed, 0, nullptr, {}});
}

Result<void> outcome_of(const RuleVerdict& verdict, const PathRules& rules) {
  switch (verdict.cause) {
    case Cause::no_rules:
    case Cause::allowed:
      break;
    case Cause::method:
      return fail(ErrorKind::route_denied,
                  fmt::format("methods has {} only", fmt::join(rules.methods, ", ")));
    case Cause::field:
      return fail(ErrorKind::route_denied,
                  fmt::format("the field {} may change what the rules have seen", verdict.field));
    case Cause::denied:
      return fail(ErrorKind::route_denied,
                  verdict.pattern != nullptr
                      ? fmt::format("a deny rule has {}", verdict.pattern->text())
                      : "a deny rule has this method");
    case Cause::not_allowed:
      return fail(ErrorKind::route_denied, "no allow rule has this method and path");
  }
  return {};
}

}  // namespace vsaproxy::routing
