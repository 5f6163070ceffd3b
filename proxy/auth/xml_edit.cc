#include "proxy/auth/xml_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace vsaproxy::auth {
namespace {

constexpr std::string_view white_space = " \t\r\n";

// As the tag spells it, with a prefix.
std::string_view name_of(std::string_view tag) {
  tag.remove_prefix(1);
  return tag.substr(0, tag.find_first_of(" \t\r\n/>"));
}

std::string_view prefix_of(std::string_view name) {
  return name.substr(0, name.find(':') + 1);  // npos + 1: no prefix
}

std::string_view local_of(std::string_view name) { return name.substr(name.find(':') + 1); }

struct Attribute {
  std::string_view name;
  ByteRange value;  // in the tag, without its quotes

  bool declares_namespace() const { return name == "xmlns" || name.starts_with("xmlns:"); }
};

class Attributes {
 public:
  explicit Attributes(std::string_view tag) : tag_(tag), at_(1 + name_of(tag).size()) {}

  std::optional<Attribute> next() {
    const std::size_t begin = tag_.find_first_not_of(white_space, at_);
    if (begin == std::string_view::npos || tag_[begin] == '/' || tag_[begin] == '>') return {};
    const std::size_t name_end = tag_.find_first_of(" \t\r\n=", begin);
    const std::size_t quote = tag_.find_first_of("\"'", name_end);
    if (quote == std::string_view::npos) return {};
    const std::size_t end = tag_.find(tag_[quote], quote + 1);
    if (end == std::string_view::npos) return {};
    at_ = end + 1;
    return Attribute{tag_.substr(begin, name_end - begin), {quote + 1, end}};
  }

 private:
  std::string_view tag_;
  std::size_t at_;
};

// The attributes that stay, each behind a space, and ">"; nothing if the tag has no others.
template <class Stays>
std::optional<std::string> without_attributes(std::string_view tag, Stays stays) {
  std::string kept;
  bool loses_some = false;
  Attributes attributes(tag);
  while (const auto attribute = attributes.next()) {
    if (!stays(*attribute)) {
      loses_some = true;
      continue;
    }
    const char quote = tag[attribute->value.end];
    kept += fmt::format(" {}={}{}{}", attribute->name, quote, attribute->value.of(tag), quote);
  }
  if (!loses_some) return std::nullopt;
  return kept + ">";
}

std::string end_tag(std::string_view name) { return fmt::format("</{}>", name); }

constexpr std::size_t empty_tag_end = 2;  // "/>"

}  // namespace

TokenPlace place_of_content(std::string_view document, const XmlElement& element) {
  const std::string_view tag = element.start.of(document);
  const std::string_view name = name_of(tag);
  const std::string closing = element.end.empty() ? end_tag(name) : "";
  const auto stays = [](const Attribute& attribute) { return attribute.declares_namespace(); };
  if (const auto head = without_attributes(tag, stays)) {
    const std::size_t offset = element.start.begin + 1 + name.size();
    return {offset, element.end.begin - offset, *head, closing};
  }
  if (element.end.empty()) {
    return {element.start.end - empty_tag_end, empty_tag_end, ">", closing};
  }
  return {element.start.end, element.end.begin - element.start.end, "", ""};
}

TokenPlace place_of_child(std::string_view document, const XmlElement& element,
                          std::span<const std::string_view> names) {
  const std::string_view tag = element.start.of(document);
  const std::string_view name = name_of(tag);
  const std::string_view prefix = prefix_of(name);
  std::string before, after;
  for (const std::string_view child : names) {
    before += fmt::format("<{}{}>", prefix, child);
    after = fmt::format("</{}{}>", prefix, child) + after;
  }
  if (element.end.empty()) after += end_tag(name);
  const auto stays = [](const Attribute& attribute) { return local_of(attribute.name) != "nil"; };
  if (const auto head = without_attributes(tag, stays)) {
    const std::size_t offset = element.start.begin + 1 + name.size();
    const ByteRange content{element.start.end, element.end.begin};
    return {offset, element.end.begin - offset,
            fmt::format("{}{}{}", *head, content.of(document), before), after};
  }
  if (element.end.empty()) {
    return {element.start.end - empty_tag_end, empty_tag_end, ">" + before, after};
  }
  return {element.end.begin, 0, before, after};
}

std::optional<ByteRange> find_attribute(std::string_view document, ByteRange start_tag,
                                        std::string_view name) {
  Attributes attributes(start_tag.of(document));
  while (const auto attribute = attributes.next()) {
    if (attribute->name != name) continue;
    return ByteRange{start_tag.begin + attribute->value.begin,
                     start_tag.begin + attribute->value.end};
  }
  return std::nullopt;
}

}  // namespace vsaproxy::auth
