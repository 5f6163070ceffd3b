#include "proxy/auth/form.h"

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

}  // namespace

std::string form_encode(std::string_view text) {
  std::string out;
  out.reserve(most_growth * text.size());
  append_form(text, out);
  return out;
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
