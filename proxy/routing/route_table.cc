#include "proxy/routing/route_table.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace vsaproxy::routing {
namespace {

PathCase case_of(const RouteRule& rule) {
  return rule.case_sensitive ? PathCase::sensitive : PathCase::insensitive;
}

bool has_letters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const char lower = base::to_lower(c);
    return lower >= 'a' && lower <= 'z';
  });
}

bool matches(const RouteRule& rule, std::string_view listener, std::string_view host,
             std::string_view decoded_path) {
  if (!rule.listener.empty() && rule.listener != listener) return false;
  if (!rule.host.empty() && !base::equals_ignoring_case(rule.host, host)) return false;
  return has_path_prefix(decoded_path, rule.path_prefix, case_of(rule));
}

}  // namespace

bool has_path_prefix(std::string_view path, std::string_view prefix, PathCase path_case) {
  if (prefix == "/") return true;
  const bool starts = path_case == PathCase::sensitive
                          ? path.starts_with(prefix)
                          : base::starts_with_ignoring_case(path, prefix);
  return starts && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool covers(const RouteRule& earlier, const RouteRule& later) {
  if (!earlier.listener.empty() && earlier.listener != later.listener) return false;
  if (!earlier.host.empty() && earlier.host != later.host) return false;
  // A prefix in one spelling doesn't cover a rule that takes them all.
  if (earlier.case_sensitive && !later.case_sensitive && has_letters(earlier.path_prefix)) {
    return false;
  }
  return has_path_prefix(later.path_prefix, earlier.path_prefix, case_of(earlier));
}

std::optional<std::size_t> RouteTable::find(std::string_view listener, std::string_view host,
                                            std::string_view decoded_path) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (matches(rules_[i], listener, host, decoded_path)) return i;
  }
  return std::nullopt;
}

}  // namespace vsaproxy::routing
