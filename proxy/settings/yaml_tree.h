#pragma once
// A YAML file as a tree of plain values that remember where they stand, and nothing that YAML has
// beyond that: no anchors, aliases, merge keys, tags or further documents. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/field.h"
#include "proxy/settings/problems.h"

namespace vsaproxy::settings {

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };

  Kind kind = Kind::null;
  std::string text;                // of a scalar
  bool is_quoted = false;          // likewise: then it is text, whatever it looks like
  Spot spot;                       // of the value; of the key where there is no value
  std::string key;                 // in a mapping; keys may repeat
  Spot key_spot;                   // likewise
  std::vector<YamlNode> children;  // of a sequence or mapping, in the file's order

  bool is_scalar() const { return kind == Kind::scalar; }
};

// Nothing, with a problem, if the text is no single YAML document of moderate size and depth. Other
// problems may be added beside a tree.
std::optional<YamlNode> parse_yaml(std::string_view text, Problems& problems);

}  // namespace vsaproxy::settings
