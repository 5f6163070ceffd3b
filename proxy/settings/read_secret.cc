#include <algorithm>
#include <functional>
#include <string>

#include "proxy/base/text.h"
#include "proxy/settings/mapping.h"
#include "proxy/settings/units.h"

namespace vsaproxy::settings {
namespace {

using base::SecretRef;

// Nothing of what is written here is repeated in a message: the value itself may stand anywhere.
constexpr std::string_view by_value =
    "takes no value here: put the value into a file that only the proxy may read, and write "
    "{file: PATH}, {systemd: NAME}, {env: NAME} or {command: [PROGRAM]}";

struct KindName {
  std::string_view key;
  SecretRef::Kind kind;
  std::string_view rule;
};
constexpr KindName kinds[] = {
    {"file", SecretRef::Kind::file, "needs the path of a file"},
    {"env", SecretRef::Kind::env,
     "needs the name of an environment variable: letters, digits and \"_\""},
    {"systemd", SecretRef::Kind::systemd,
     "needs the name of a systemd credential: letters, digits, \"-\", \"_\" and \".\""},
    {"command", SecretRef::Kind::command,
     "needs a list of the absolute path of a program and its arguments, such as [/usr/bin/pass, "
     "show, vsa]: no shell takes part, and no folder is searched"}};

constexpr std::size_t most_arguments = 64;
constexpr base::Duration least_timeout = std::chrono::milliseconds(100);
constexpr base::Duration most_timeout = std::chrono::minutes(5);
constexpr base::Duration least_max_age = std::chrono::seconds(1);
constexpr base::Duration most_max_age = std::chrono::hours(8760);

bool is_variable(std::string_view name) {
  const auto allowed = [](char c) { return c != '-' && c != '.'; };
  return is_name(name) && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), allowed);
}

bool is_command(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::sequence || node.children.empty()) return false;
  if (node.children.size() > most_arguments || !node.children.front().text.starts_with('/')) {
    return false;
  }
  return std::all_of(node.children.begin(), node.children.end(), [](const YamlNode& argument) {
    return argument.is_scalar() && argument.text.find('\0') == std::string::npos;
  });
}

bool fits(SecretRef::Kind kind, const YamlNode& node) {
  if (kind == SecretRef::Kind::command) return is_command(node);
  if (!node.is_scalar() || node.text.empty()) return false;
  if (kind == SecretRef::Kind::env) return is_variable(node.text);
  if (kind == SecretRef::Kind::systemd) return is_name(node.text);
  return node.text.find_first_of("\n\r") == std::string::npos;
}

std::string unknown_kind(const YamlNode& entry) {
  return "a secret is a mapping with one key, file, systemd, env or command" +
         did_you_mean(entry.key, {"file", "env", "systemd", "command"});
}

// What may stand beside "command".
bool is_option(const YamlNode& entry) { return entry.key == "timeout" || entry.key == "max_age"; }

std::optional<SecretRef> read_entry(const YamlNode& secret, const YamlNode& entry,
                                    Problems& problems) {
  const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                 [&](const KindName& each) { return each.key == entry.key; });
  if (kind == std::end(kinds)) {
    problems.add(entry.key_spot, unknown_kind(entry));
    return std::nullopt;
  }
  if (!fits(kind->kind, entry)) {
    problems.add(entry.key_spot, fmt::format("\"{}\" {}", kind->key, kind->rule));
    return std::nullopt;
  }
  if (kind->kind != SecretRef::Kind::command) {
    return SecretRef{kind->kind, entry.text, secret.key_spot.place};
  }
  SecretRef ref{kind->kind, entry.children.front().text, secret.key_spot.place};
  for (std::size_t i = 1; i < entry.children.size(); ++i) {
    ref.command.arguments.push_back(entry.children[i].text);
  }
  return ref;
}

void read_option(const YamlNode& secret, const YamlNode& entry, std::optional<SecretRef>& ref,
                 Problems& problems) {
  const auto first =
      std::find_if(secret.children.begin(), secret.children.end(),
                   [&entry](const YamlNode& other) { return other.key == entry.key; });
  if (&*first != &entry) {
    problems.add(entry.key_spot, fmt::format("\"{}\" is repeated: remove one", entry.key));
    return;
  }
  if (ref && ref->kind != SecretRef::Kind::command) {
    problems.add(entry.key_spot, fmt::format("\"{}\" goes with \"command\" only", entry.key));
    return;
  }
  const bool is_timeout = entry.key == "timeout";
  const auto duration = parse_duration(entry.text);
  const bool is_within = duration && *duration >= (is_timeout ? least_timeout : least_max_age) &&
                         *duration <= (is_timeout ? most_timeout : most_max_age);
  if (!is_within) {
    problems.add(entry.key_spot, fmt::format("\"{}\" needs a duration from {}", entry.key,
                                             is_timeout ? "100ms to 5m" : "1s to 8760h"));
  } else if (ref) {
    (is_timeout ? ref->command.timeout : ref->command.max_age) = *duration;
  }
}

}  // namespace

std::optional<SecretRef> Mapping::read_secret(std::string_view key) const {
  const YamlNode* node = find(key);
  if (!node) return std::nullopt;
  if (node->kind != YamlNode::Kind::mapping || node->children.empty()) {
    problems_.add(node->key_spot, fmt::format("\"{}\" {}", key, by_value));
    return std::nullopt;
  }
  const auto sources =
      std::count_if(node->children.begin(), node->children.end(), std::not_fn(is_option));
  if (sources != 1) {
    problems_.add(node->key_spot,
                  fmt::format("\"{}\" needs exactly one of file, systemd, env and command", key));
  }
  std::optional<SecretRef> first;
  for (const YamlNode& entry : node->children) {
    if (is_option(entry)) continue;
    auto ref = read_entry(*node, entry, problems_);
    if (ref && !first) first = std::move(ref);
  }
  for (const YamlNode& entry : node->children) {
    if (is_option(entry)) read_option(*node, entry, first, problems_);
  }
  return first;
}

}  // namespace vsaproxy::settings
