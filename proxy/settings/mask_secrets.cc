#include "proxy/settings/mask_secrets.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/settings/known_keys.h"

namespace vsaproxy::settings {
namespace {

constexpr std::string_view stars = "***";

bool is_key_character(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::size_t skip_spaces(std::string_view text, std::size_t from) {
  return std::min(text.find_first_not_of(" \t", from), text.size());
}

// Behind a word that may be a secret's key: where its value would begin.
std::size_t value_start(std::string_view line, std::size_t end) {
  auto at = end;
  if (at < line.size() && (line[at] == '"' || line[at] == '\'')) ++at;
  at = skip_spaces(line, at);
  if (at < line.size() && (line[at] == ':' || line[at] == '=')) return at + 1;
  // "password hunter2": the colon was forgotten. `at` is the value, or the end of the line.
  const auto close = end < line.size() && (line[end] == '"' || line[end] == '\'') ? end + 1 : end;
  return at > close || at == line.size() ? close : std::string_view::npos;
}

// The end of "{file: PATH}" or its like at the start of the text; npos if it is none.
std::size_t reference_end(std::string_view text) {
  const auto open = skip_spaces(text, 0);
  if (open >= text.size() || text[open] != '{') return std::string_view::npos;
  const auto key = skip_spaces(text, open + 1);
  constexpr std::string_view kinds[] = {"file:", "env:", "systemd:"};
  const auto kind = std::find_if(std::begin(kinds), std::end(kinds), [&](std::string_view each) {
    return text.substr(key).starts_with(each);
  });
  if (kind == std::end(kinds)) return std::string_view::npos;
  const auto close = text.find_first_of("{}[],'\"#", key + kind->size());
  if (close == std::string_view::npos || text[close] != '}') return std::string_view::npos;
  const bool ends = close + 1 == text.size() ||
                    std::string_view(" ,}]").find(text[close + 1]) != std::string_view::npos;
  return ends ? close + 1 : std::string_view::npos;
}

// "https://user:password@host/?token=x" keeps its scheme, host and path.
std::string mask_urls(std::string line) {
  for (auto start = line.find("://"); start != std::string::npos; start = line.find("://", start)) {
    start += 3;
    const auto at = line.rfind('@');
    if (at != std::string::npos && at > start) line.replace(start, at - start, stars);
    const auto query = line.find('?', start);
    if (query != std::string::npos) line.replace(query + 1, std::string::npos, stars);
  }
  return line;
}

class Masker {
 public:
  std::string mask(std::string_view line) {
    const auto indent = skip_spaces(line, 0);
    if (is_hiding_) {
      if (indent == line.size()) return {};
      if (!ends_hiding(line, indent)) {
        if (line.find(closing_) != std::string_view::npos) closing_ = '\0';
        return std::string(line.substr(0, indent)).append(stars);
      }
      is_hiding_ = false;
    }
    // Keys in YAML's long form ("? key", ": value") say nothing about themselves on their line.
    if (indent < line.size() && (line[indent] == '?' || line[indent] == ':')) {
      hide_from(line, indent);
      return std::string(line.substr(0, indent)).append(stars);
    }
    auto shown = mask_values(line);
    // What a comment speaks of has no value on the next line.
    if (indent < line.size() && line[indent] == '#') is_hiding_ = false;
    return shown;
  }

 private:
  // Shows the line up to the first value that must be hidden.
  std::string mask_values(std::string_view line) {
    for (std::size_t at = 0; at < line.size();) {
      if (!is_key_character(line[at])) {
        ++at;
        continue;
      }
      auto end = at;
      while (end < line.size() && is_key_character(line[end])) ++end;
      const auto value = may_hold_secret(line.substr(at, end - at)) ? value_start(line, end)
                                                                    : std::string_view::npos;
      at = end;
      if (value == std::string_view::npos) continue;
      const auto reference = reference_end(line.substr(value));
      if (reference == std::string_view::npos) return hide_value(line, value);
      at = value + reference;
    }
    return mask_urls(std::string(line));
  }

  std::string hide_value(std::string_view line, std::size_t value) {
    hide_from(line, value);
    const bool is_empty = skip_spaces(line, value) == line.size();
    auto shown = mask_urls(std::string(line.substr(0, value)));
    return is_empty ? shown : shown.append(" ").append(stars);
  }

  void hide_from(std::string_view line, std::size_t value) {
    is_hiding_ = true;
    indent_ = skip_spaces(line, 0);
    closing_ = open_end(line.substr(std::min(skip_spaces(line, value), line.size())));
  }

  // The character without which the value isn't over.
  static char open_end(std::string_view value) {
    if (value.empty()) return '\0';
    const char closing = value[0] == '{'                       ? '}'
                         : value[0] == '['                     ? ']'
                         : value[0] == '"' || value[0] == '\'' ? value[0]
                                                               : '\0';
    return closing != '\0' && value.find(closing, 1) == std::string_view::npos ? closing : '\0';
  }

  // A line that is not indented deeper than the secret's own and begins with a key.
  bool ends_hiding(std::string_view line, std::size_t indent) const {
    if (closing_ != '\0' || indent > indent_) return false;
    auto at = indent;
    if (line.substr(at).starts_with("- ")) at = skip_spaces(line, at + 2);
    const auto start = at;
    while (at < line.size() && is_key_character(line[at])) ++at;
    return at > start && line.substr(at).starts_with(':') &&
           (at + 1 == line.size() || line[at + 1] == ' ');
  }

  bool is_hiding_ = false;
  std::size_t indent_ = 0;
  char closing_ = '\0';
};

}  // namespace

std::vector<std::string> mask_secrets(const std::vector<std::string_view>& lines) {
  Masker masker;
  std::vector<std::string> masked;
  masked.reserve(lines.size());
  for (const std::string_view line : lines) masked.push_back(masker.mask(line));
  return masked;
}

}  // namespace vsaproxy::settings
