#include "proxy/routing/path_rules.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view escaped_slash = "%2F";

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

bool has_path(const PathRule& rule, std::string_view path, PathCase path_case) {
  return rule.paths.empty() || find_match(rule.paths, path, path_case) != nullptr;
}

// As a server reads it that takes an escaped slash for a slash.
std::string with_slashes(std::string_view path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool is_escape = path.substr(i).starts_with(escaped_slash);
    const char c = is_escape ? '/' : path[i];
    if (c != '/' || text.empty() || text.back() != '/') text += c;
    if (is_escape) i += escaped_slash.size() - 1;
  }
  return text;
}

Result<void> check_deny(const std::vector<PathRule>& deny, std::string_view method,
                        std::string_view path, PathCase path_case) {
  for (const PathRule& rule : deny) {
    if (!has_method_in_any_case(rule.methods, method) || !has_path(rule, path, path_case)) continue;
    const PathPattern* pattern = find_match(rule.paths, path, path_case);
    return fail(ErrorKind::route_denied, pattern != nullptr
                                             ? fmt::format("a deny rule has {}", pattern->text())
                                             : "a deny rule has this method");
  }
  return {};
}

Result<void> check_overrides(const http::Fields& fields) {
  const auto found =
      std::find_if(fields.all().begin(), fields.all().end(),
                   [](const http::Field& field) { return override_fields.has(field.name); });
  if (found == fields.all().end()) return {};
  return fail(ErrorKind::route_denied,
              fmt::format("the field {} may change what the rules have seen", found->name));
}

}  // namespace

Result<void> check_rules(const PathRules& rules, std::string_view method,
                         const http::Fields& fields, std::string_view decoded_path,
                         PathCase path_case) {
  if (!has_method(rules.methods, method)) {
    return fail(ErrorKind::route_denied,
                fmt::format("methods has {} only", fmt::join(rules.methods, ", ")));
  }
  if (auto fine = check_overrides(fields); !fine) return fine;
  if (auto fine = check_deny(rules.deny, method, decoded_path, path_case); !fine) return fine;
  if (!rules.deny.empty() && decoded_path.find(escaped_slash) != std::string_view::npos) {
    auto fine = check_deny(rules.deny, method, with_slashes(decoded_path), path_case);
    if (!fine) return fine;
  }
  const bool is_allowed =
      rules.allow.empty() ||
      std::any_of(rules.allow.begin(), rules.allow.end(), [&](const PathRule& rule) {
        return has_method(rule.methods, method) && has_path(rule, decoded_path, path_case);
      });
  if (is_allowed) return {};
  return fail(ErrorKind::route_denied, "no allow rule has this method and path");
}

}  // namespace vsaproxy::routing
