#include "proxy/auth/schemes/kaseya_password.h"

#include "proxy/auth/digest.h"

namespace vsaproxy::auth {
namespace {

using Digest = std::string (*)(std::string_view);

std::string hash_joined(Digest digest, std::string_view a, std::string_view b) {
  std::string text = joined(a, b);
  std::string hash = digest(text);
  base::wipe(text);
  return hash;
}

}  // namespace

std::string_view strip(std::string_view text) {
  constexpr std::string_view white_space = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

std::string joined(std::string_view a, std::string_view b, std::string_view c) {
  std::string text;
  text.reserve(a.size() + b.size() + c.size());
  text.append(a).append(b).append(c);
  return text;
}

std::string hashed_username(std::string_view username) {
  const std::string_view name = strip(username);
  if (const std::size_t split = name.find('\\'); split != std::string_view::npos) {
    return joined(name.substr(0, split), "/", name.substr(split + 1));
  }
  const std::size_t split = name.rfind('@');
  if (split == std::string_view::npos || name.find('/') != std::string_view::npos) {
    return std::string(name);
  }
  return joined(name.substr(split + 1), "/", name.substr(0, split));
}

std::string covered_password(PasswordHash hash, std::string_view password,
                             std::string_view hashed_username, std::string_view random) {
  const Digest digest = hash == PasswordHash::sha_256 ? sha256_hex : sha1_hex;
  std::string inner = hash_joined(digest, password, hashed_username);
  std::string outer = hash_joined(digest, inner, random);
  base::wipe(inner);
  return outer;
}

std::string eight_digits(std::uint32_t random) {
  constexpr std::uint32_t least = 10'000'000;
  return std::to_string(least + random % (9 * least));
}

std::string username_fault(std::string_view value) {
  return strip(value).empty() ? "must not be empty" : "";
}

TextEncoding text_encoding(std::string_view name) {
  if (name == "latin-1") return TextEncoding::latin_1;
  return name == "ascii" ? TextEncoding::ascii : TextEncoding::utf_8;
}

}  // namespace vsaproxy::auth
