#pragma once
// XML as a tree, read by Expat with namespaces. A value of one request; no DOCTYPE gets through, so
// there are no entities but the five that XML has.

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

struct XmlElement {
  std::string space;              // namespace name; empty: none
  std::string name;               // without prefix
  std::string text;               // its own character data, all pieces joined
  std::vector<Field> attributes;  // names without prefix; no namespace declarations
  std::vector<XmlElement> children;

  // The first child of that name in that namespace, or null.
  const XmlElement* child(std::string_view child_space, std::string_view child_name) const;
  std::size_t count(std::string_view child_space, std::string_view child_name) const;
};

// The root element. The error is Expat's sentence with the line.
tl::expected<XmlElement, std::string> parse_xml(std::string_view bytes);

// Character data or an attribute value, escaped.
std::string xml_text(std::string_view text);

// xs:decimal, white space around it allowed: no exponent (XML Schema 2, 3.2.3).
bool is_xml_decimal(std::string_view text);

std::string_view without_white_space(std::string_view text);

}  // namespace vsaproxy::simulator
