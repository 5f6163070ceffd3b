#include <algorithm>
#include <set>

#include "proxy/settings/route_rules.h"
#include "proxy/settings/sections.h"
#include "proxy/settings/source_text.h"

namespace vsaproxy::settings {
namespace {

// What the checks over all routes need beside the routes themselves.
struct Origin {
  const YamlNode* node = nullptr;
  bool is_sound = false;  // without problems of its own
};

// Decoded, so that it is compared with what a request's path means.
std::string prefix_fault(std::string_view prefix) {
  if (!prefix.starts_with('/')) return "must begin with \"/\"";
  if (prefix == "/") return "";
  if (prefix.ends_with('/')) return "must not end with \"/\": it matches whole segments anyway";
  if (prefix.find_first_of("%?#\\;*") != std::string_view::npos) {
    return "must be a plain path: no escapes, query, patterns or \"\\\"";
  }
  if (prefix.find("//") != std::string_view::npos) return "must not have \"//\"";
  for (std::size_t start = 1; start <= prefix.size();) {
    const auto end = std::min(prefix.find('/', start), prefix.size());
    const auto last = prefix[end - 1];
    if (last == '.' || last == ' ') return "must not have a segment that ends in a dot or a space";
    start = end + 1;
  }
  return "";
}

void read_prefix(const Mapping& mapping, std::string_view key, std::string& out) {
  std::string text;
  mapping.read_text(key, text);
  if (text.empty()) return;
  const std::string fault = prefix_fault(text);
  if (fault.empty()) {
    out = std::move(text);
  } else {
    complain(*mapping.find(key), fault, mapping.problems());
  }
}

// The index of the name among things that have one.
template <class Range>
std::optional<std::size_t> find_named(const Range& range, const YamlNode& node,
                                      std::string_view what, Problems& problems) {
  std::vector<std::string_view> names;
  for (const auto& each : range) names.push_back(each.name);
  const auto found = std::find(names.begin(), names.end(), node.text);
  if (node.is_scalar() && found != names.end()) {
    return static_cast<std::size_t>(found - names.begin());
  }
  problems.add(node.spot, fmt::format("no {} is called {}{}", what, quote(node.text),
                                      did_you_mean(node.text, names)));
  return std::nullopt;
}

void parse_match(const Mapping& mapping, const Settings& settings, Route& route) {
  const YamlNode* node = mapping.find("match");
  if (!node) return;
  const Mapping match(*node, "in \"match\" " + mapping.where(), match_keys, mapping.problems());
  read_prefix(match, "path_prefix", route.path_prefix);
  if (const YamlNode* host = match.find("host")) {
    if (auto name = host_of(*host, mapping.problems())) route.host = std::move(*name);
  }
  if (const YamlNode* listener = match.find("listener")) {
    find_named(settings.listeners, *listener, "listener", mapping.problems());
    route.listener = listener->text;
  }
}

void parse_strip_prefix(const Mapping& mapping, const Settings& settings, Route& route) {
  if (!mapping.has("strip_prefix")) return;
  read_prefix(mapping, "strip_prefix", route.strip_prefix);
  if (route.strip_prefix == "/") route.strip_prefix.clear();
  if (route.strip_prefix.empty() || settings.upstreams.empty()) return;
  const PathCase path_case = settings.upstreams[route.upstream].path_case;
  if (!routing::has_path_prefix(route.path_prefix, route.strip_prefix, path_case)) {
    complain(*mapping.find("strip_prefix"),
             fmt::format("must be the path_prefix of the route ({}) or lead up to it",
                         quote(route.path_prefix)),
             mapping.problems());
  }
}

void read_strip_or_pass(const Mapping& mapping, std::string_view key, bool& is_passed) {
  mapping.read_choice(key, is_passed, {{"strip", false}, {"pass", true}});
}

std::string place_name(const YamlNode& node, std::size_t index) {
  for (const YamlNode& entry : node.children) {
    if (entry.key == "name" && is_name(entry.text)) {
      return fmt::format("in route {}", quote(entry.text));
    }
  }
  return fmt::format("in route {}", index + 1);
}

void parse_route(const YamlNode& node, std::size_t index, Settings& settings, Problems& problems) {
  const Mapping mapping(node, place_name(node, index), route_keys, problems);
  Route route;
  route.place = node.spot.place;
  mapping.read_text("name", route.name);
  if (!route.name.empty() && !is_name(route.name)) {
    report_bad_name(mapping.find("name")->spot, problems);
  }
  if (const YamlNode* upstream = mapping.need("upstream", "name one of \"upstreams\"")) {
    route.upstream = find_named(settings.upstreams, *upstream, "upstream", problems).value_or(0);
  }
  parse_match(mapping, settings, route);
  parse_strip_prefix(mapping, settings, route);
  mapping.read_choice(
      "login_paths", route.login_paths,
      {{"stub", LoginPaths::stub}, {"refuse", LoginPaths::refuse}, {"pass", LoginPaths::pass}});
  parse_rules(mapping, settings, route);
  read_strip_or_pass(mapping, "cookies", route.pass_cookies);
  read_strip_or_pass(mapping, "cors", route.pass_cors);
  settings.routes.push_back(std::move(route));
}

void check_names(const std::vector<Origin>& origins, Settings& settings, Problems& problems) {
  std::set<std::string, std::less<>> names;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const std::string& name = settings.routes[i].name;
    if (name.empty() || names.insert(name).second) continue;
    problems.add(origins[i].node->spot, fmt::format("two routes are called {}", quote(name)));
  }
  for (Route& route : settings.routes) {
    if (!route.name.empty() || settings.upstreams.empty()) continue;
    const std::string& upstream = settings.upstreams[route.upstream].name;
    route.name = upstream;
    for (int i = 2; !names.insert(route.name).second; ++i) {
      route.name = fmt::format("{}-{}", upstream, i);
    }
  }
}

void check_reach(const std::vector<Origin>& origins, const Settings& settings, Problems& problems) {
  if (settings.upstreams.empty()) return;
  const auto rules = route_rules(settings);
  for (std::size_t later = 0; later < rules.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      if (!origins[earlier].is_sound || !origins[later].is_sound ||
          !routing::covers(rules[earlier], rules[later])) {
        continue;
      }
      const Spot& spot = origins[later].node->spot;
      problems.add(spot, fmt::format("route \"{}\" is never reached: \"{}\" (line {}) matches all "
                                     "that it would; write it after this one",
                                     settings.routes[later].name, settings.routes[earlier].name,
                                     origins[earlier].node->spot.place.line));
      break;
    }
  }
}

// Such pages answer with a cookie, and want it with the next request.
void check_pages(const Mapping& file, const Settings& settings) {
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    const Upstream& upstream = settings.upstreams[i];
    if (!upstream.credential) continue;
    const auto* pages = settings.credentials[*upstream.credential].values.list("page_paths");
    if (pages == nullptr || pages->empty()) continue;
    const bool is_fine =
        std::any_of(settings.routes.begin(), settings.routes.end(),
                    [i](const Route& route) { return route.upstream == i && route.pass_cookies; });
    if (is_fine) continue;
    const std::string_view key = file.has("routes") ? "routes" : "upstreams";
    file.problems().add(
        file.find(key)->key_spot,
        fmt::format("\"page_paths\" needs a route with cookies: pass, for the pages keep their "
                    "session in cookies: write routes: [{{upstream: {}, cookies: pass}}]",
                    upstream.name));
  }
}

void imply_route(const Mapping& file, Settings& settings) {
  if (settings.upstreams.size() > 1) {
    file.problems().add(file.find("upstreams")->key_spot,
                        "with several upstreams, \"routes\" must say which request goes where");
  } else if (!settings.upstreams.empty()) {
    Route route;
    route.name = settings.upstreams.front().name;
    settings.routes.push_back(std::move(route));
  }
}

}  // namespace

void parse_routes(const Mapping& file, Settings& settings) {
  file.read_choice("mode", settings.mode,
                   {{"enforce", RuleMode::enforce}, {"observe", RuleMode::observe}});
  const YamlNode* node = file.find("routes");
  if (!node) {
    imply_route(file, settings);
    check_pages(file, settings);
    return;
  }
  std::vector<Origin> origins;
  for (const YamlNode* entry : file.read_list("routes")) {
    const std::size_t before = file.problems().size();
    parse_route(*entry, origins.size(), settings, file.problems());
    origins.push_back({entry, file.problems().size() == before});
  }
  if (node->kind == YamlNode::Kind::sequence && origins.empty()) {
    complain(*node, "needs at least one entry: without any, remove the key", file.problems());
  }
  check_names(origins, settings, file.problems());
  check_reach(origins, settings, file.problems());
  check_pages(file, settings);
}

}  // namespace vsaproxy::settings
