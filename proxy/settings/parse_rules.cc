#include <algorithm>

#include "proxy/settings/route_rules.h"
#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

using routing::PathPattern;
using routing::PathRule;
using routing::PathRules;

// Where a pattern was written, for the checks of one against the other.
struct WrittenPattern {
  const YamlNode* node = nullptr;
  PathPattern pattern;
};

// One entry of allow or deny, with its places.
struct WrittenRule {
  const YamlNode* node = nullptr;
  const YamlNode* methods_node = nullptr;  // null: all
  std::vector<std::string> methods;
  std::vector<WrittenPattern> paths;

  PathRule rule() const {
    PathRule made{methods, {}, node->spot.place};
    for (const WrittenPattern& path : paths) made.paths.push_back(path.pattern);
    return made;
  }
};

// Every request is held against them, and each is held against the others here.
constexpr std::size_t most_rules = 64;
constexpr std::size_t most_patterns = 64;

using WrittenRules = std::vector<WrittenRule>;

// What the paths of a route have in common behind its strip_prefix.
struct Reach {
  std::string prefix;
  PathCase path_case = PathCase::insensitive;
};

bool has_method(const std::vector<std::string>& methods, const std::string& method) {
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

// Every method of the second is one of the first.
bool has_methods_of(const std::vector<std::string>& all, const std::vector<std::string>& some) {
  if (all.empty() || some.empty()) return all.empty();
  return std::all_of(some.begin(), some.end(),
                     [&](const std::string& method) { return has_method(all, method); });
}

void check_pattern(const WrittenPattern& path, const WrittenRule& rule, const Reach& reach,
                   Problems& problems) {
  for (const WrittenPattern& former : rule.paths) {
    if (former.pattern.covers(path.pattern, reach.path_case)) {
      problems.add(path.node->spot, "this pattern changes nothing: the one before it on line " +
                                        std::to_string(former.node->spot.place.line) +
                                        " has all that it has");
      return;
    }
  }
  if (!path.pattern.can_match_below(reach.prefix, reach.path_case)) {
    problems.add(
        path.node->spot,
        fmt::format("this pattern is never matched: the paths of the route{} begin with "
                    "{}",
                    reach.prefix == "/" ? "" : ", without strip_prefix,", quote(reach.prefix)));
  }
}

void read_paths(const Mapping& mapping, const Reach& reach, WrittenRule& rule) {
  Problems& problems = mapping.problems();
  const auto entries = mapping.read_list("paths");
  const YamlNode* node = mapping.find("paths");
  if (node && node->kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(*node, "needs at least one pattern: without any, remove the key", problems);
  }
  if (entries.size() > most_patterns) {
    return complain(*node, fmt::format("must have at most {} patterns", most_patterns), problems);
  }
  for (const YamlNode* entry : entries) {
    const auto text = text_of(*entry, problems);
    if (!text) continue;
    if (text->find(';') != std::string::npos) {
      problems.add(entry->spot,
                   "a pattern must have no \";\": such paths are refused where there are rules");
      continue;
    }
    auto pattern = PathPattern::parse(*text);
    if (!pattern) {
      problems.add(entry->spot, "a pattern " + pattern.error().detail);
      continue;
    }
    WrittenPattern written{entry, std::move(*pattern)};
    check_pattern(written, rule, reach, problems);
    rule.paths.push_back(std::move(written));
  }
}

WrittenRules read_rules(const Mapping& route, std::string_view key, const Reach& reach) {
  WrittenRules rules;
  const auto entries = route.read_list(key);
  if (entries.size() > most_rules) {
    complain(*route.find(key), fmt::format("must have at most {} entries", most_rules),
             route.problems());
    return rules;
  }
  for (const YamlNode* entry : entries) {
    const Mapping mapping(*entry, fmt::format("in \"{}\" {}", key, route.where()), rule_keys,
                          route.problems());
    WrittenRule rule;
    rule.node = entry;
    if (auto methods = mapping.read_methods("methods"); methods && !methods->empty()) {
      rule.methods = std::move(*methods);
      rule.methods_node = mapping.find("methods");
    }
    read_paths(mapping, reach, rule);
    if (entry->kind == YamlNode::Kind::mapping && !mapping.is_written("methods") &&
        !mapping.is_written("paths")) {
      complain(*entry, "a rule needs methods, paths or both", route.problems());
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

// A rule whose methods the route refuses anyway.
void check_methods(const WrittenRules& rules, const std::vector<std::string>& methods,
                   Problems& problems) {
  for (const WrittenRule& rule : rules) {
    const bool is_idle = rule.methods_node != nullptr && !methods.empty() &&
                         std::none_of(rule.methods.begin(), rule.methods.end(),
                                      [&](const auto& each) { return has_method(methods, each); });
    if (!is_idle) continue;
    problems.add(rule.methods_node->key_spot,
                 "this rule changes nothing: methods of the route has none of its methods");
  }
}

const WrittenRule* find_cover(const WrittenRules& denied, const WrittenRule& rule,
                              const WrittenPattern& path, const Reach& reach) {
  for (const WrittenRule& deny : denied) {
    if (!has_methods_of(deny.methods, rule.methods)) continue;
    const bool has_path =
        deny.paths.empty() ||
        std::any_of(deny.paths.begin(), deny.paths.end(), [&](const WrittenPattern& other) {
          return other.pattern.covers(path.pattern, reach.path_case);
        });
    if (has_path) return &deny;
  }
  return nullptr;
}

// What allow lets through must not be denied all the same.
void check_contradictions(const WrittenRules& allowed, const WrittenRules& denied,
                          const Reach& reach, Problems& problems) {
  for (const WrittenRule& rule : allowed) {
    for (const WrittenPattern& path : rule.paths) {
      const WrittenRule* deny = find_cover(denied, rule, path, reach);
      if (deny == nullptr) continue;
      problems.add(path.node->spot,
                   fmt::format("this pattern never allows anything: deny on line {} has all that "
                               "it has, and wins",
                               deny->node->spot.place.line));
    }
  }
}

std::vector<PathRule> rules_of(const WrittenRules& written) {
  std::vector<PathRule> rules;
  for (const WrittenRule& rule : written) rules.push_back(rule.rule());
  return rules;
}

}  // namespace

void parse_rules(const Mapping& mapping, const Settings& settings, Route& route) {
  Reach reach;
  reach.prefix.assign(route.path_prefix,
                      std::min(route.path_prefix.size(), route.strip_prefix.size()));
  if (reach.prefix.empty()) reach.prefix = "/";
  if (!settings.upstreams.empty()) reach.path_case = settings.upstreams[route.upstream].path_case;
  if (auto methods = mapping.read_methods("methods")) route.rules.methods = std::move(*methods);
  const WrittenRules allowed = read_rules(mapping, "allow", reach);
  const WrittenRules denied = read_rules(mapping, "deny", reach);
  const YamlNode* allow = mapping.find("allow");
  if (allow != nullptr && allow->kind == YamlNode::Kind::sequence && allowed.empty()) {
    complain(*allow, "needs at least one entry: without the key everything is allowed",
             mapping.problems());
  }
  check_methods(allowed, route.rules.methods, mapping.problems());
  check_methods(denied, route.rules.methods, mapping.problems());
  check_contradictions(allowed, denied, reach, mapping.problems());
  route.rules.allow = rules_of(allowed);
  route.rules.deny = rules_of(denied);
  mapping.read("raw_paths", route.raw_paths);
}

}  // namespace vsaproxy::settings
