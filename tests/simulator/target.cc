#include "tests/simulator/target.h"

#include <algorithm>
#include <charconv>

namespace vsaproxy::simulator {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (text[i] == '%' && high >= 0 && low >= 0) {
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

}  // namespace

bool Target::has(std::string_view name) const {
  return std::any_of(query.begin(), query.end(), [&](const Field& f) { return f.name == name; });
}

std::string_view Target::text(std::string_view name) const {
  for (const Field& field : query) {
    if (field.name == name) return field.value;
  }
  return {};
}

std::uint64_t Target::number(std::string_view name, std::uint64_t otherwise) const {
  const std::string_view digits = text(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number =
      !digits.empty() && error == std::errc{} && end == digits.data() + digits.size();
  return is_number ? number : otherwise;
}

std::vector<Field> parse_pairs(std::string_view rest) {
  std::vector<Field> pairs;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const auto equals = item.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
    pairs.push_back({decode(item.substr(0, equals)), decode(value)});
  }
  return pairs;
}

Target parse_target(std::string_view text) {
  Target target;
  const auto mark = text.find('?');
  target.path = lower_case(text.substr(0, mark));
  if (target.path.size() > 1 && target.path.back() == '/') target.path.pop_back();
  if (mark != std::string_view::npos) target.query = parse_pairs(text.substr(mark + 1));
  return target;
}

}  // namespace vsaproxy::simulator
