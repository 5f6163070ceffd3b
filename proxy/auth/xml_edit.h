#pragma once
// Where a token goes in an XML element, given the bytes of its tags: everything else stays as it
// is. Pure, any thread. Tags are those of a document that scan_xml() has read.

#include <optional>
#include <span>
#include <string_view>

#include "proxy/auth/message_editor.h"
#include "proxy/auth/xml_scan.h"

namespace vsaproxy::auth {

// The bytes of an element's tags; `end` is empty where the start tag ends with "/>".
struct XmlElement {
  ByteRange start;
  ByteRange end;
};

// The token instead of all that the element holds. Attributes that would say something about the
// old content (xsi:nil, xsi:type) go; namespace declarations stay.
TokenPlace place_of_content(std::string_view document, const XmlElement& element);

// The token in a new last child of that name, which gets the prefix of the element's own name; with
// several names, in a child of the child. An xsi:nil of the element goes.
TokenPlace place_of_child(std::string_view document, const XmlElement& element,
                          std::span<const std::string_view> names);

// The value of an attribute of that name without prefix, as it stands between its quotes.
std::optional<ByteRange> find_attribute(std::string_view document, ByteRange start_tag,
                                        std::string_view name);

}  // namespace vsaproxy::auth
