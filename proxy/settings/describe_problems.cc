#include <algorithm>

#include "proxy/settings/mask_secrets.h"
#include "proxy/settings/parse_settings.h"
#include "proxy/settings/source_text.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t longest_shown_line = 160;  // characters

// What a terminal can show: control characters and bytes that are not UTF-8 become "?".
std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = character_length(text.substr(i));
    if (length == 0 || (text[i] != '\t' && starts_with_control(text.substr(i)))) {
      result += '?';
    } else {
      result += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return result;
}

// Spaces up to the column, tabs kept, so that what follows stands under it.
std::string pad_to(std::string_view line, std::size_t column) {
  std::string pad;
  for (std::size_t i = 0; i < line.size() && pad.size() + 1 < column;) {
    pad += line[i] == '\t' ? '\t' : ' ';
    i += std::max<std::size_t>(character_length(line.substr(i)), 1);
  }
  return pad;
}

std::string excerpt(const Problem& problem, const std::string& masked) {
  const std::string line = printable(masked);
  const auto width = count_characters(line);
  if (line.empty() || width > longest_shown_line) return "";
  const auto pad = pad_to(line, static_cast<std::size_t>(problem.place.column));
  const auto room = std::max(width, pad.size() + 1) - pad.size();
  const auto marks = std::min(problem.length, room) - 1;
  return fmt::format("{:5} | {}\n{:5} | {}^{}\n", problem.place.line, line, "", pad,
                     std::string(marks, '~'));
}

}  // namespace

std::string describe_problems(const std::vector<Problem>& problems, std::string_view text,
                              std::string_view file_name) {
  if (problems.empty()) return "";
  std::vector<std::string> masked;
  if (text.size() <= most_file_bytes) masked = mask_secrets(split_lines(without_bom(text)));
  std::string result;
  for (const Problem& problem : problems) {
    result += fmt::format("{}:{}:{}: {}\n", file_name, problem.place.line, problem.place.column,
                          problem.message);
    const auto index = static_cast<std::size_t>(std::max(problem.place.line, 1)) - 1;
    if (index < masked.size()) result += excerpt(problem, masked[index]);
  }
  return result;
}

}  // namespace vsaproxy::settings
