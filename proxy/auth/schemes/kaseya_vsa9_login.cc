// What a login sends: the two formulas of a password login and the personal access token.

#include <fmt/format.h>

#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/schemes/kaseya_vsa9.h"

namespace vsaproxy::auth {
namespace {

using Digest = std::string (*)(std::string_view);

// All that the web page's script trims, as far as it is ASCII.
std::string_view strip(std::string_view text) {
  constexpr std::string_view white_space = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

std::string joined(std::string_view a, std::string_view b, std::string_view c = {}) {
  std::string text;
  text.reserve(a.size() + b.size() + c.size());  // growth would leave copies behind
  text.append(a).append(b).append(c);
  return text;
}

std::string hash_joined(Digest digest, std::string_view a, std::string_view b) {
  std::string text = joined(a, b);
  std::string hash = digest(text);
  base::wipe(text);
  return hash;
}

// The inner hash is as good as the password for good, the outer one only with its random number.
std::string covered(Digest digest, const PasswordLogin& login, std::string_view username) {
  std::string inner = hash_joined(digest, login.password, username);
  std::string outer = hash_joined(digest, inner, login.random);
  base::wipe(inner);
  return outer;
}

}  // namespace

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

base::Secret password_payload(const PasswordLogin& typed) {
  PasswordLogin login = typed;
  login.username = strip(typed.username);
  login.password = strip(typed.password);
  login.random = strip(typed.random);
  const std::string hash_user = hashed_username(login.username);
  std::string pass2 = covered(sha256_hex, login, hash_user);
  std::string pass1 = covered(sha1_hex, login, hash_user);
  const bool web = login.formula == PasswordFormula::web;
  std::string rpass2 =
      web ? covered(sha256_hex, login, login.username) : sha256_hex(login.password);
  std::string rpass1 = web ? covered(sha1_hex, login, login.username) : sha1_hex(login.password);
  const auto layout = web ? "user={0},pass2={1},pass1={2},rand2={5},rpass2={3},rpass1={4}"
                          : "user={0},pass2={1},pass1={2},rpass2={3},rpass1={4},rand2={5}";
  std::string payload =
      fmt::format(fmt::runtime(layout), login.username, pass2, pass1, rpass2, rpass1, login.random);
  if (login.two_factor) {
    std::string whole = joined(payload, ",twofapass=", *login.two_factor);
    base::wipe(payload);
    payload = std::move(whole);
  }
  for (std::string* hash : {&pass2, &pass1, &rpass2, &rpass1}) base::wipe(*hash);
  return base::Secret::take(std::move(payload));
}

base::Secret token_authorization(std::string_view username, std::string_view token) {
  std::string text = joined(strip(username), ":", strip(token));
  base::Secret value = basic_authorization(text);
  base::wipe(text);
  return value;
}

}  // namespace vsaproxy::auth
