#include "tests/simulator/xml.h"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace vsaproxy::simulator {
namespace {

constexpr char name_separator = '\x1f';  // no character of XML
constexpr std::size_t max_depth = 100;

struct FreeParser {
  void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
};

struct Builder {
  XML_Parser parser;
  std::vector<XmlElement> open;  // the root's parent first
  std::string refused;

  void refuse(std::string_view why) {
    refused = why;
    XML_StopParser(parser, XML_FALSE);
  }
};

std::pair<std::string, std::string> split_name(std::string_view name) {
  const auto separator = name.find(name_separator);
  if (separator == std::string_view::npos) return {std::string{}, std::string(name)};
  return {std::string(name.substr(0, separator)), std::string(name.substr(separator + 1))};
}

void on_start(void* data, const XML_Char* name, const XML_Char** attributes) noexcept {
  Builder& builder = *static_cast<Builder*>(data);
  if (builder.open.size() > max_depth) return builder.refuse("nested too deeply");
  XmlElement element;
  std::tie(element.space, element.name) = split_name(name);
  for (; *attributes != nullptr; attributes += 2) {
    element.attributes.push_back({split_name(attributes[0]).second, attributes[1]});
  }
  builder.open.push_back(std::move(element));
}

void on_end(void* data, const XML_Char*) noexcept {
  Builder& builder = *static_cast<Builder*>(data);
  XmlElement element = std::move(builder.open.back());
  builder.open.pop_back();
  builder.open.back().children.push_back(std::move(element));
}

void on_text(void* data, const XML_Char* text, int size) noexcept {
  Builder& builder = *static_cast<Builder*>(data);
  builder.open.back().text.append(text, static_cast<std::size_t>(size));
}

void on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) noexcept {
  static_cast<Builder*>(data)->refuse("DTD is prohibited in this XML document");
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_space,
                                    std::string_view child_name) const {
  const auto found = std::find_if(children.begin(), children.end(), [&](const XmlElement& child) {
    return child.space == child_space && child.name == child_name;
  });
  return found == children.end() ? nullptr : &*found;
}

std::size_t XmlElement::count(std::string_view child_space, std::string_view child_name) const {
  return static_cast<std::size_t>(
      std::count_if(children.begin(), children.end(), [&](const XmlElement& child) {
        return child.space == child_space && child.name == child_name;
      }));
}

tl::expected<XmlElement, std::string> parse_xml(std::string_view bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return tl::unexpected<std::string>("the document is too long");
  }
  const std::unique_ptr<XML_ParserStruct, FreeParser> parser(
      XML_ParserCreateNS(nullptr, name_separator));
  Builder builder{.parser = parser.get(), .open = {XmlElement{}}, .refused = {}};
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  if (XML_Parse(parser.get(), bytes.data(), static_cast<int>(bytes.size()), XML_TRUE) ==
      XML_STATUS_OK) {
    return std::move(builder.open.front().children.front());
  }
  return tl::unexpected(fmt::format(
      "{} in line {}",
      builder.refused.empty() ? XML_ErrorString(XML_GetErrorCode(parser.get())) : builder.refused,
      XML_GetCurrentLineNumber(parser.get())));
}

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

bool is_xml_decimal(std::string_view text) {
  text = without_white_space(text);
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::any_of(text.begin(), text.end(), is_digit) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_digit(c) || c == '.'; }) &&
         std::count(text.begin(), text.end(), '.') <= 1;
}

std::string_view without_white_space(std::string_view text) {
  constexpr std::string_view white_space = " \t\r\n";
  const auto first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

}  // namespace vsaproxy::simulator
