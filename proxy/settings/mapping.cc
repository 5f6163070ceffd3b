#include "proxy/settings/mapping.h"

#include <algorithm>
#include <map>
#include <set>

#include "proxy/base/text.h"
#include "proxy/settings/source_text.h"
#include "proxy/settings/units.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t longest_name = 64;

const Key* find_key(std::span<const Key> keys, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

bool is_harmless(const Key& key, const YamlNode& node) {
  if (key.harmless == "[]") return node.kind == YamlNode::Kind::sequence && node.children.empty();
  return !key.harmless.empty() && node.is_scalar() && node.text == key.harmless;
}

bool is_letter_or_digit(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

bool is_one_printable_line(std::string_view text) {
  for (std::size_t i = 0; i < text.size();
       i += std::max<std::size_t>(1, character_length(text.substr(i)))) {
    if (starts_with_control(text.substr(i))) return false;
  }
  return true;
}

template <class T, class Out>
void read_quantity(const YamlNode* node, base::Result<T> (*parse)(std::string_view), Out& out,
                   Problems& problems) {
  if (!node) return;
  const auto value = parse(node->text);
  if (value) {
    out = *value;
  } else {
    complain(*node, value.error().detail, problems);
  }
}

}  // namespace

std::string alternatives(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

void complain(const YamlNode& node, std::string_view message, Problems& problems) {
  const bool at_value = node.is_scalar() && !node.text.empty();
  const Spot& spot = at_value || node.key.empty() ? node.spot : node.key_spot;
  problems.add(spot, node.key.empty() ? std::string(message)
                                      : fmt::format("{} {}", quote(node.key), message));
}

std::optional<std::string> text_of(const YamlNode& node, Problems& problems) {
  if (!node.is_scalar()) {
    complain(node, "must be a text", problems);
  } else if (node.text.empty()) {
    complain(node, "must not be empty", problems);
  } else if (!is_one_printable_line(node.text)) {
    complain(node, "must be one line without control characters", problems);
  } else {
    return node.text;
  }
  return std::nullopt;
}

void report_choice(const YamlNode& node, const std::vector<std::string_view>& words, bool is_later,
                   Problems& problems) {
  if (is_later) {
    problems.add(node.spot, fmt::format("{} is not supported yet", quote(node.text)));
    return;
  }
  const auto nearest = node.is_scalar() ? did_you_mean(node.text, words) : "";
  complain(node, fmt::format("must be {}{}", alternatives(words), nearest), problems);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

void report_bad_name(const Spot& spot, Problems& problems) {
  problems.add(spot, fmt::format("a name has letters, digits, \"-\", \"_\" and \".\" only, and at "
                                 "most {} of them",
                                 longest_name));
}

std::vector<const YamlNode*> named_entries(const YamlNode& node, Problems& problems) {
  std::vector<const YamlNode*> entries;
  if (node.kind != YamlNode::Kind::mapping) {
    complain(node, "must be a mapping of names", problems);
    return entries;
  }
  std::set<std::string_view> seen;
  for (const YamlNode& entry : node.children) {
    if (!is_name(entry.key)) {
      report_bad_name(entry.key_spot, problems);
    } else if (!seen.insert(entry.key).second) {
      problems.add(entry.key_spot,
                   fmt::format("duplicate name {} in {}", quote(entry.key), quote(node.key)));
      continue;
    }
    entries.push_back(&entry);
  }
  return entries;
}

Mapping::Mapping(const YamlNode& node, std::string where, std::span<const Key> keys,
                 Problems& problems)
    : node_(node), where_(std::move(where)), problems_(problems) {
  if (node.kind == YamlNode::Kind::mapping) {
    check_keys(keys);
  } else {
    complain(node, "must be a mapping of keys and values", problems);
  }
}

void Mapping::check_keys(std::span<const Key> keys) {
  std::map<std::string_view, int> lines;
  for (const YamlNode& entry : node_.children) {
    const Key* key = find_key(keys, entry.key);
    if (!key) {
      report_unknown(entry, keys);
    } else if (const auto [first, is_new] = lines.emplace(entry.key, entry.key_spot.place.line);
               !is_new) {
      problems_.add(entry.key_spot, fmt::format("duplicate key {} {} (first on line {})",
                                                quote(entry.key), where_, first->second));
    } else if (key->support == Support::later && !is_harmless(*key, entry)) {
      problems_.add(entry.key_spot, fmt::format("{} is not supported yet", quote(entry.key)));
    } else if (entry.kind == YamlNode::Kind::null) {
      complain(entry, "has no value: write one, or remove the key", problems_);
    } else {
      usable_.push_back(&entry);
    }
  }
}

void Mapping::report_unknown(const YamlNode& entry, std::span<const Key> keys) {
  std::vector<std::string_view> names;
  for (const Key& key : keys) names.push_back(key.name);
  const auto colon = entry.key.find(':');
  const bool glued = entry.kind == YamlNode::Kind::null && colon != std::string::npos &&
                     find_key(keys, std::string_view(entry.key).substr(0, colon));
  const auto fix = glued ? ": a space must follow the colon" : did_you_mean(entry.key, names);
  problems_.add(entry.key_spot, fmt::format("unknown key {} {}{}", quote(entry.key), where_, fix));
}

const YamlNode* Mapping::find(std::string_view key) const {
  const auto found = std::find_if(usable_.begin(), usable_.end(),
                                  [&](const YamlNode* entry) { return entry->key == key; });
  return found == usable_.end() ? nullptr : *found;
}

bool Mapping::is_written(std::string_view key) const {
  return std::any_of(node_.children.begin(), node_.children.end(),
                     [&](const YamlNode& entry) { return entry.key == key; });
}

const YamlNode* Mapping::need(std::string_view key, std::string_view fix) const {
  if (!is_written(key) && node_.kind == YamlNode::Kind::mapping) {
    problems_.add(spot(), fmt::format("missing key \"{}\" {}: {}", key, where_, fix));
  }
  return find(key);
}

void Mapping::read(std::string_view key, bool& out) const {
  read_choice(key, out, {{"true", true}, {"false", false}});
}

void Mapping::read(std::string_view key, base::Duration& out) const {
  read_quantity(find(key), parse_duration, out, problems_);
}

void Mapping::read_text(std::string_view key, std::string& out) const {
  const YamlNode* node = find(key);
  if (!node) return;
  if (auto text = text_of(*node, problems_)) out = std::move(*text);
}

void Mapping::read_size(std::string_view key, std::uint64_t& out) const {
  read_quantity(find(key), parse_size, out, problems_);
}

void Mapping::read_rate(std::string_view key, std::optional<std::chrono::nanoseconds>& out) const {
  read_quantity(find(key), parse_rate, out, problems_);
}

std::optional<std::uint64_t> Mapping::count_of(std::string_view key, std::uint64_t least,
                                               std::uint64_t most) const {
  const YamlNode* node = find(key);
  if (!node) return std::nullopt;
  const auto value = parse_count(node->text, least, most);
  if (value) return *value;
  complain(*node, value.error().detail, problems_);
  return std::nullopt;
}

std::vector<const YamlNode*> Mapping::read_list(std::string_view key) const {
  std::vector<const YamlNode*> entries;
  const YamlNode* node = find(key);
  if (!node) return entries;
  if (node->kind != YamlNode::Kind::sequence) {
    complain(*node, "must be a list: write it in brackets, as in [a, b]", problems_);
    return entries;
  }
  for (const YamlNode& entry : node->children) entries.push_back(&entry);
  return entries;
}

std::optional<std::vector<std::string>> Mapping::read_methods(std::string_view key) const {
  const YamlNode* node = find(key);
  if (!node) return std::nullopt;
  if (node->is_scalar() && node->text == "all") return std::vector<std::string>();
  if (node->is_scalar() && node->text == "read") return std::vector<std::string>{"GET", "HEAD"};
  std::vector<std::string> methods;
  if (node->kind != YamlNode::Kind::sequence || node->children.empty()) {
    complain(*node, "must be all, read or a list of methods", problems_);
    return std::nullopt;
  }
  for (const YamlNode& entry : node->children) {
    const bool is_method = entry.is_scalar() && !entry.text.empty() &&
                           std::all_of(entry.text.begin(), entry.text.end(), [](char c) {
                             return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
                           });
    if (is_method) {
      methods.push_back(entry.text);
    } else {
      complain(entry, "must be a method in capitals: GET", problems_);
    }
  }
  return methods;
}

}  // namespace vsaproxy::settings
