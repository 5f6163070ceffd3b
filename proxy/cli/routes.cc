#include "proxy/cli/routes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

namespace vsaproxy::cli {
namespace {

using settings::Route;
using settings::Settings;

constexpr std::size_t columns = 8;
using Row = std::array<std::string, columns>;

constexpr std::array<std::string_view, columns> titles = {
    "ROUTE", "LISTENER", "HOST", "PATH", "UPSTREAM", "AUTH", "METHODS", "LOGIN PATHS"};

std::string or_any(const std::string& text) { return text.empty() ? "any" : text; }

std::string methods_text(const std::vector<std::string>& methods) {
  return methods.empty() ? "all" : fmt::format("{}", fmt::join(methods, ","));
}

std::string login_paths_text(const Route& route, const settings::Credential* credential) {
  const bool has_any = credential != nullptr && (!credential->scheme->login_paths.empty() ||
                                                 credential->scheme->make_editor != nullptr);
  if (!has_any) return "-";
  switch (route.login_paths) {
    case settings::LoginPaths::stub:
      return credential->scheme->stub != nullptr ? "stub" : "refuse";
    case settings::LoginPaths::refuse:
      return "refuse";
    case settings::LoginPaths::pass:
      return "pass";
  }
  return "";
}

Row row_of(const Settings& settings, const Route& route) {
  const settings::Upstream& upstream = settings.upstreams[route.upstream];
  const auto* credential =
      upstream.credential ? &settings.credentials[*upstream.credential] : nullptr;
  return {route.name,
          or_any(route.listener),
          or_any(route.host),
          route.path_prefix,
          upstream.name,
          credential == nullptr
              ? "none"
              : fmt::format("{} ({})", credential->name, credential->scheme->name),
          methods_text(route.rules.methods),
          login_paths_text(route, credential)};
}

void add_rules(std::string& text, std::string_view list,
               const std::vector<routing::PathRule>& rules) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    std::vector<std::string_view> paths;
    for (const routing::PathPattern& path : rules[i].paths) paths.push_back(path.text());
    text.append(fmt::format(
        "  {}[{}] (line {}): {} {}\n", list, i, rules[i].place.line, methods_text(rules[i].methods),
        paths.empty() ? "every path" : fmt::format("{}", fmt::join(paths, ", "))));
  }
}

// What few routes have.
void add_details(std::string& text, const Route& route) {
  std::vector<std::string> details;
  if (!route.strip_prefix.empty()) details.push_back("strip_prefix: " + route.strip_prefix);
  if (route.raw_paths) details.emplace_back("raw_paths: true");
  if (route.pass_cookies) details.emplace_back("cookies: pass");
  if (route.pass_cors) details.emplace_back("cors: pass");
  if (!details.empty()) text.append(fmt::format("  {}\n", fmt::join(details, ", ")));
  add_rules(text, "allow", route.rules.allow);
  add_rules(text, "deny", route.rules.deny);
}

void add_row(std::string& text, const Row& row, const std::array<std::size_t, columns>& widths) {
  std::string line;
  for (std::size_t i = 0; i < columns; ++i) {
    line.append(fmt::format("{:<{}}", row[i], i + 1 < columns ? widths[i] + 2 : 0));
  }
  text.append(line).append("\n");
}

void add_upstreams(std::string& text, const Settings& settings) {
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    const settings::Upstream& upstream = settings.upstreams[i];
    const bool is_reached = std::any_of(settings.routes.begin(), settings.routes.end(),
                                        [i](const Route& route) { return route.upstream == i; });
    text.append(fmt::format("upstream {}: {}{}\n", upstream.name, upstream.origin.to_string(),
                            is_reached ? "" : ", to which no route leads"));
  }
}

}  // namespace

std::string routes_table(const Settings& settings, const Colours& colours) {
  std::vector<Row> rows;
  std::array<std::size_t, columns> widths{};
  for (std::size_t i = 0; i < columns; ++i) widths[i] = titles[i].size();
  for (const Route& route : settings.routes) {
    rows.push_back(row_of(settings, route));
    for (std::size_t i = 0; i < columns; ++i)
      widths[i] = std::max(widths[i], rows.back()[i].size());
  }
  Row head;
  std::copy(titles.begin(), titles.end(), head.begin());
  std::string text(colours.bold);
  add_row(text, head, widths);
  text.append(colours.plain);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    add_row(text, rows[i], widths);
    add_details(text, settings.routes[i]);
  }
  text.append("\n");
  add_upstreams(text, settings);
  text.append(settings.mode == settings::RuleMode::enforce
                  ? "mode: enforce\n"
                  : "mode: observe (what rules refuse is forwarded and logged)\n");
  return text;
}

int run_routes(const Settings& settings) {
  std::fputs(routes_table(settings, Colours::of_standard_output()).c_str(), stdout);
  return 0;
}

}  // namespace vsaproxy::cli
