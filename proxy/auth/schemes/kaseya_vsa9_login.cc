// What a login sends: the two formulas of a password login and the personal access token.

#include <fmt/format.h>

#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/schemes/kaseya_password.h"
#include "proxy/auth/schemes/kaseya_vsa9.h"

namespace vsaproxy::auth {

base::Secret password_payload(const PasswordLogin& typed) {
  PasswordLogin login = typed;
  login.username = strip(typed.username);
  login.password = strip(typed.password);
  login.random = strip(typed.random);
  const auto covered = [&login](PasswordHash hash, std::string_view username) {
    return covered_password(hash, login.password, username, login.random);
  };
  const std::string hash_user = hashed_username(login.username);
  std::string pass2 = covered(PasswordHash::sha_256, hash_user);
  std::string pass1 = covered(PasswordHash::sha_1, hash_user);
  const bool web = login.formula == PasswordFormula::web;
  std::string rpass2 =
      web ? covered(PasswordHash::sha_256, login.username) : sha256_hex(login.password);
  std::string rpass1 =
      web ? covered(PasswordHash::sha_1, login.username) : sha1_hex(login.password);
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
