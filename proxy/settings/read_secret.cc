#include <algorithm>
#include <string>

#include "proxy/base/text.h"
#include "proxy/settings/mapping.h"

namespace vsaproxy::settings {
namespace {

using base::SecretRef;

// Nothing of what is written here is repeated in a message: the value itself may stand anywhere.
constexpr std::string_view by_value =
    "takes no value here: put the value into a file that only the proxy may read, and write "
    "{file: PATH}, {systemd: NAME} or {env: NAME}";

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
     "needs the name of a systemd credential: letters, digits, \"-\", \"_\" and \".\""}};

bool is_variable(std::string_view name) {
  const auto allowed = [](char c) { return c != '-' && c != '.'; };
  return is_name(name) && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), allowed);
}

bool fits(SecretRef::Kind kind, const YamlNode& node) {
  if (!node.is_scalar() || node.text.empty()) return false;
  if (kind == SecretRef::Kind::env) return is_variable(node.text);
  if (kind == SecretRef::Kind::systemd) return is_name(node.text);
  return node.text.find_first_of("\n\r") == std::string::npos;
}

std::string unknown_kind(const YamlNode& entry) {
  if (entry.key == "command" || entry.key == "timeout" || entry.key == "max_age") {
    return fmt::format("\"{}\" of a secret is not supported yet", entry.key);
  }
  return "a secret is a mapping with one key, file, systemd or env" +
         did_you_mean(entry.key, {"file", "env", "systemd"});
}

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
  return SecretRef{kind->kind, entry.text, secret.key_spot.place};
}

}  // namespace

std::optional<SecretRef> Mapping::read_secret(std::string_view key) const {
  const YamlNode* node = find(key);
  if (!node) return std::nullopt;
  if (node->kind != YamlNode::Kind::mapping || node->children.empty()) {
    problems_.add(node->key_spot, fmt::format("\"{}\" {}", key, by_value));
    return std::nullopt;
  }
  if (node->children.size() > 1) {
    problems_.add(node->key_spot,
                  fmt::format("\"{}\" needs exactly one of file, systemd and env", key));
  }
  std::optional<SecretRef> first;
  for (const YamlNode& entry : node->children) {
    auto ref = read_entry(*node, entry, problems_);
    if (ref && !first) first = std::move(ref);
  }
  return first;
}

}  // namespace vsaproxy::settings
