#include "proxy/settings/source_text.h"

#include <algorithm>

namespace vsaproxy::settings {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// The second byte's bounds are what excludes overlong forms, surrogates and values past U+10FFFF.
struct Lead {
  unsigned char first, last;
  std::size_t length;
  unsigned char second_least, second_most;
};
constexpr Lead leads[] = {
    {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};

constexpr std::size_t longest_line = 4096;  // bytes

void check_line(std::string_view line, int number, Problems& problems) {
  if (line.size() > longest_line) {
    problems.add({{number, 1}}, fmt::format("a line has at most {} bytes", longest_line));
    return;
  }
  const auto indent = std::min(line.find_first_not_of(" \t"), line.size());
  const auto tab = line.substr(0, indent).find('\t');
  if (tab != std::string_view::npos && indent < line.size()) {
    problems.add({{number, static_cast<int>(tab) + 1}}, "a tab cannot indent: use spaces");
  }
  int column = 1;
  for (std::size_t i = 0; i < line.size(); ++column) {
    const auto length = character_length(line.substr(i));
    if (length == 0) {
      problems.add({{number, column}}, "the file must be UTF-8: this byte is not");
      return;
    }
    if (line[i] != '\t' && starts_with_control(line.substr(i))) {
      problems.add({{number, column}}, "a control character is not allowed here: remove it");
      return;
    }
    i += length;
  }
}

}  // namespace

std::string_view without_bom(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::size_t character_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = byte_at(text, 0);
  const auto lead = std::find_if(std::begin(leads), std::end(leads), [&](const Lead& each) {
    return first >= each.first && first <= each.last;
  });
  if (lead == std::end(leads) || text.size() < lead->length) return 0;
  if (lead->length == 1) return 1;
  if (byte_at(text, 1) < lead->second_least || byte_at(text, 1) > lead->second_most) return 0;
  for (std::size_t i = 2; i < lead->length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return lead->length;
}

bool starts_with_control(std::string_view text) {
  const auto first = byte_at(text, 0);
  if (first < 0x20 || first == 0x7f) return true;
  return first == 0xc2 && text.size() > 1 && byte_at(text, 1) < 0xa0;
}

void check_characters(std::string_view text, Problems& problems) {
  if (text.size() > most_file_bytes) {
    problems.add({}, "the file is larger than 1 MiB: that is no configuration");
    return;
  }
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    check_line(lines[i], static_cast<int>(i) + 1, problems);
  }
}

}  // namespace vsaproxy::settings
