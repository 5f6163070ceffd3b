#include "proxy/auth/form.h"

#include <algorithm>
#include <charconv>

namespace vsaproxy::auth {
namespace {

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("*-._").find(c) != std::string_view::npos;
}

void append_form(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
}

constexpr std::size_t most_growth = 3;  // "%XX"

// False at a broken escape.
bool append_decoded(std::string_view text, std::string& out) {
  constexpr std::size_t digits = 2;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::string_view code = text.substr(i + 1, digits);
    unsigned value = 0;
    const char* end = std::from_chars(code.data(), code.data() + code.size(), value, 16).ptr;
    if (code.size() < digits || end != code.data() + digits) return false;
    out += static_cast<char>(value);
    i += digits;
  }
  return true;
}

}  // namespace

std::string form_encode(std::string_view text) {
  std::string out;
  out.reserve(most_growth * text.size());
  append_form(text, out);
  return out;
}

std::string form_value(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const auto end = std::min(form.find('&'), form.size());
    const std::string_view field = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    const auto equals = std::min(field.find('='), field.size());
    std::string text;
    if (!append_decoded(field.substr(0, equals), text) || text != name) continue;
    text.clear();
    const bool is_whole = append_decoded(field.substr(std::min(equals + 1, field.size())), text);
    return is_whole ? text : "";
  }
  return "";
}

FormBody& FormBody::add(std::string_view name, std::string_view value) {
  const std::size_t needed = text_.size() + most_growth * (name.size() + value.size()) + 2;
  if (needed > text_.capacity()) {
    std::string larger;
    larger.reserve(2 * needed);
    larger.append(text_);
    base::wipe(text_);  // growing by itself would leave a copy behind
    text_.swap(larger);
  }
  if (!text_.empty()) text_ += '&';
  append_form(name, text_);
  text_ += '=';
  append_form(value, text_);
  return *this;
}

}  // namespace vsaproxy::auth
