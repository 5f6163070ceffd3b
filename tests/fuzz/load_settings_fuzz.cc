// Any bytes as configuration: the loader neither crashes nor hangs, accepts only what it can point
// at, and never shows a secret that stands in the file by value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/settings/parse_settings.h"
#include "proxy/settings/route_rules.h"
#include "tests/fuzz/check.h"

namespace {

using vsaproxy::fuzz::check;
using vsaproxy::settings::describe_problems;
using vsaproxy::settings::parse_settings;
using vsaproxy::settings::ParseOutcome;

constexpr std::string_view marker = "Zq7MarkerOfASecretZq7";

void check_accepted(const vsaproxy::settings::Settings& settings) {
  check(!settings.listeners.empty(), "an accepted file has a listener");
  check(!settings.upstreams.empty() && !settings.routes.empty(), "an accepted file has a route");
  for (const auto& upstream : settings.upstreams) {
    check(!upstream.origin.host.empty(), "an upstream has a host");
    check(!upstream.credential || *upstream.credential < settings.credentials.size(),
          "a credential exists");
  }
  for (const auto& credential : settings.credentials) {
    check(credential.scheme != nullptr, "a credential has a type");
  }
  check(route_rules(settings).size() == settings.routes.size(), "each route has a rule");
}

std::string load(std::string_view text) {
  const ParseOutcome outcome = parse_settings(text, "fuzz.yaml");
  if (outcome.problems.empty()) check_accepted(outcome.settings);
  for (const auto& problem : outcome.problems) {
    check(problem.place.line >= 1 && problem.place.column >= 1, "a problem has a place");
    check(!problem.message.empty(), "a problem has a message");
  }
  return describe_problems(outcome.problems, text, "fuzz.yaml");
}

// A secret by value on a line of its own, at the start of any line of the input.
std::string with_secret(std::string_view text, std::size_t at, std::string_view key) {
  const auto line = text.find('\n', at % (text.size() + 1));
  const auto cut = line == std::string_view::npos ? text.size() : line + 1;
  std::string result(text.substr(0, cut));
  if (!result.empty() && result.back() != '\n') result += '\n';
  const auto next = text.substr(cut);
  const auto indent = next.substr(0, std::min(next.find_first_not_of(' '), next.size()));
  result.append(indent).append(key).append(": ").append(marker).append("\n").append(next);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  load(text);
  if (size == 0 || text.find("Zq7") != std::string_view::npos) return 0;
  constexpr std::string_view keys[] = {"token", "password", "value", "key", "pasword"};
  const std::string shown = load(with_secret(text, data[size / 2], keys[data[0] % 5]));
  check(shown.find(marker) == std::string::npos, "a secret is not shown");
  return 0;
}
