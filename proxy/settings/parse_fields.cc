#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

std::string_view group_of(const base::Field& field) {
  const auto dot = field.key.find('.');
  return dot == std::string_view::npos ? std::string_view() : field.key.substr(0, dot);
}

std::string_view own_key(const base::Field& field) {
  const auto dot = field.key.find('.');
  return dot == std::string_view::npos ? field.key : field.key.substr(dot + 1);
}

void check_value(const YamlNode& node, const base::Field& field, std::string_view text,
                 Problems& problems) {
  const std::string fault = field.fault ? field.fault(text) : "";
  if (!fault.empty()) {
    problems.add(node.spot, fmt::format("\"{}\": {}", own_key(field), fault));
  }
}

std::optional<std::string> field_text(const YamlNode& node, const base::Field& field,
                                      Problems& problems) {
  // Some fields mean something when empty: that is for their own check to say.
  if (node.is_scalar() && node.text.empty() && !field.required) return node.text;
  auto text = text_of(node, problems);
  if (text && field.type == base::FieldType::choice) {
    const std::vector<std::string_view> words(field.choices.begin(), field.choices.end());
    if (std::find(words.begin(), words.end(), *text) == words.end()) {
      report_choice(node, words, false, problems);
      return std::nullopt;
    }
  }
  return text;
}

void read_list_field(const Mapping& mapping, const base::Field& field, base::FieldValues& values) {
  base::TextList list;
  for (const YamlNode* entry : mapping.read_list(own_key(field))) {
    auto text = text_of(*entry, mapping.problems());
    if (!text) continue;
    check_value(*entry, field, *text, mapping.problems());
    list.push_back(std::move(*text));
  }
  values.set_list(field.key, std::move(list));
}

void read_map_field(const YamlNode& node, const base::Field& field, Problems& problems,
                    base::FieldValues& values) {
  if (node.kind != YamlNode::Kind::mapping) {
    complain(node, "must be a mapping of names to texts", problems);
    return;
  }
  base::TextMap map;
  for (const YamlNode& entry : node.children) {
    const bool is_repeated = std::any_of(map.begin(), map.end(), [&entry](const auto& other) {
      return base::equals_ignoring_case(other.first, entry.key);
    });
    if (is_repeated) {
      problems.add(entry.key_spot, fmt::format("{} is repeated: remove one", quote(entry.key)));
      continue;
    }
    auto text = text_of(entry, problems);
    if (!text) continue;
    check_value(entry, field, *text, problems);
    map.emplace_back(entry.key, std::move(*text));
  }
  values.set_map(field.key, std::move(map));
}

// RFC 8259, 3 and 6: what is a literal or a number in JSON too.
bool is_json_literal(std::string_view text) {
  if (text == "true" || text == "false" || text == "null") return true;
  const auto digits = [&text] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool is_zero = text.starts_with('0');
  const auto whole = digits();
  if (whole == 0 || (is_zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

void write_text(std::string_view text, JsonWriter& writer) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// As deep as the file may be: parse_yaml() bounds that.
void write_json(const YamlNode& node, JsonWriter& writer) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      writer.Null();
      return;
    case YamlNode::Kind::scalar:
      if (!node.is_quoted && is_json_literal(node.text)) {
        // As written: 1e400 and 26 digits are for the receiver to read.
        writer.RawValue(node.text.data(), node.text.size(), rapidjson::kNumberType);
      } else {
        write_text(node.text, writer);
      }
      return;
    case YamlNode::Kind::sequence:
      writer.StartArray();
      for (const YamlNode& child : node.children) write_json(child, writer);
      writer.EndArray();
      return;
    case YamlNode::Kind::mapping:
      writer.StartObject();
      for (const YamlNode& child : node.children) {
        write_text(child.key, writer);
        write_json(child, writer);
      }
      writer.EndObject();
      return;
  }
}

std::string json_of(const YamlNode& node) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  write_json(node, writer);
  return {buffer.GetString(), buffer.GetSize()};
}

void read_field(const Mapping& mapping, const base::Field& field, base::FieldValues& values) {
  const std::string_view key = own_key(field);
  const YamlNode* node =
      field.required ? mapping.need(key, "this type can't do without it") : mapping.find(key);
  if (!node) return;
  Problems& problems = mapping.problems();
  switch (field.type) {
    case base::FieldType::secret:
      if (auto ref = mapping.read_secret(key)) values.set_secret(field.key, std::move(*ref));
      return;
    case base::FieldType::list:
      return read_list_field(mapping, field, values);
    case base::FieldType::map:
      return read_map_field(*node, field, problems, values);
    case base::FieldType::tree: {
      std::string json = json_of(*node);
      check_value(*node, field, json, problems);
      values.set_text(field.key, std::move(json));
      return;
    }
    case base::FieldType::duration: {
      base::Duration duration{};
      mapping.read(key, duration);
      const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
      if (count > 0) values.set_text(field.key, std::to_string(count));
      return;
    }
    case base::FieldType::text:
    case base::FieldType::path:
    case base::FieldType::choice:
      if (auto text = field_text(*node, field, problems)) {
        check_value(*node, field, *text, problems);
        values.set_text(field.key, std::move(*text));
      }
      return;
  }
}

void read_group(const Mapping& mapping, std::string_view group, std::span<const base::Field> fields,
                base::FieldValues& values) {
  std::vector<Key> keys;
  bool is_required = false;
  for (const base::Field& field : fields) {
    if (group_of(field) != group) continue;
    keys.push_back({own_key(field)});
    is_required = is_required || field.required;
  }
  const YamlNode* node =
      is_required ? mapping.need(group, "this type can't do without it") : mapping.find(group);
  if (!node) return;
  const Mapping inner(*node, fmt::format("in \"{}\" {}", group, mapping.where()), keys,
                      mapping.problems());
  for (const base::Field& field : fields) {
    if (group_of(field) == group) read_field(inner, field, values);
  }
}

}  // namespace

std::vector<std::string_view> keys_of(std::span<const base::Field> fields) {
  std::vector<std::string_view> keys;
  for (const base::Field& field : fields) {
    const std::string_view group = group_of(field);
    const std::string_view key = group.empty() ? field.key : group;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

void parse_fields(const Mapping& mapping, std::span<const base::Field> fields,
                  base::FieldValues& values) {
  for (const base::Field& field : fields) {
    if (field.default_value) values.set_text(field.key, std::string(*field.default_value));
  }
  std::vector<std::string_view> groups;
  for (const base::Field& field : fields) {
    const std::string_view group = group_of(field);
    if (group.empty()) {
      read_field(mapping, field, values);
    } else if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
      read_group(mapping, group, fields, values);
    }
  }
}

}  // namespace vsaproxy::settings
