#include "proxy/auth/login_template.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "proxy/auth/form.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view opening = "{{";
constexpr std::string_view closing = "}}";
constexpr std::size_t longest_escape = 6;  // "\\u001f"

// The text up to the next placeholder, and its name; the rest stays in `text`.
struct Piece {
  std::string_view before;
  std::string_view name;
  bool has_placeholder = false;
  bool is_closed = true;
};

Piece take_piece(std::string_view& text) {
  Piece piece;
  const auto begin = text.find(opening);
  piece.before = text.substr(0, begin);
  if (begin == std::string_view::npos) {
    text = {};
    return piece;
  }
  piece.has_placeholder = true;
  text.remove_prefix(begin + opening.size());
  const auto end = text.find(closing);
  piece.is_closed = end != std::string_view::npos;
  piece.name = base::trim(text.substr(0, end));
  text = piece.is_closed ? text.substr(end + closing.size()) : std::string_view();
  return piece;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

std::string json_text(std::string_view text) {
  rapidjson::StringBuffer buffer(nullptr, longest_escape * text.size() + 2);
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  const std::size_t size = buffer.GetSize();
  std::string out(buffer.GetString() + 1, size - 2);  // without the quotes
  buffer.Clear();
  std::fill_n(buffer.Push(size), size, '\0');  // it may be a secret
  return out;
}

// RFC 3986, 2.3: a space is %20 there, not "+".
std::string uri_text(std::string_view text) {
  std::string out;
  out.reserve(longest_escape * text.size());
  for (const char c : text) out += c == ' ' ? "%20" : form_encode({&c, 1});
  return out;
}

std::string encoded(std::string_view value, Encoding encoding) {
  switch (encoding) {
    case Encoding::json:
      return json_text(value);
    case Encoding::uri:
      return uri_text(value);
    case Encoding::none:
    case Encoding::raw:
      break;
  }
  return std::string(value);
}

std::string_view value_of(std::string_view name, const TemplateValues& values) {
  if (name == "username") return values.username;
  return name == "secret" ? values.secret : values.token;
}

}  // namespace

std::string template_fault(std::string_view text, std::string_view names) {
  while (!text.empty()) {
    const Piece piece = take_piece(text);
    if (!piece.has_placeholder) break;
    if (!piece.is_closed) return "has {{ without }}";
    const std::string padded = fmt::format(" {} ", names);
    const bool is_word = piece.name.find(' ') == std::string_view::npos && !piece.name.empty();
    if (!is_word || padded.find(fmt::format(" {} ", piece.name)) == std::string::npos) {
      return fmt::format("has a placeholder that is not known here: known is {}", names);
    }
  }
  return "";
}

base::Result<base::Secret> fill_template(std::string_view text, const TemplateValues& values,
                                         Encoding encoding, std::string_view key) {
  std::string out;
  // Room for the longest escape of each byte: growing would leave copies of a secret behind.
  const std::size_t placeholders =
      static_cast<std::size_t>(std::count(text.begin(), text.end(), '{')) / 2;
  const std::size_t longest =
      std::max({values.username.size(), values.secret.size(), values.token.size()});
  out.reserve(text.size() + placeholders * longest_escape * longest);
  while (!text.empty()) {
    const Piece piece = take_piece(text);
    out.append(piece.before);
    if (!piece.has_placeholder) break;
    const std::string_view value = value_of(piece.name, values);
    if (encoding == Encoding::none && has_control(value)) {
      base::wipe(out);
      return base::fail(base::ErrorKind::configuration,
                        fmt::format("the {} has a line break or another control character, which "
                                    "can't stand in \"{}\"",
                                    piece.name, key));
    }
    std::string part = encoded(value, encoding);
    out.append(part);
    base::wipe(part);
  }
  return base::Secret::take(std::move(out));
}

}  // namespace vsaproxy::auth
