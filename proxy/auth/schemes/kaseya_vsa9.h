#pragma once
// The credential type `kaseya-vsa9`: GET BASE/auth with a personal access token or a hashed
// password yields a session token for Authorization: Bearer. Pure, manager thread. Documented at
// https://help.vsa9.kaseya.com/help/Content/Modules/rest-api/37334.htm

#include <optional>
#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

const SchemeSpec& kaseya_vsa9_scheme();

// Two formulas for rpass1 and rpass2 are in use; servers accept both for local accounts.
enum class PasswordFormula {
  web,         // as the server's own web pages: salted like pass1 and pass2, the user name as typed
  documented,  // as the vendor's text: the plain hash of the password
};

// What a password login is made of; texts are in the server's encoding. White space around user
// name, password and random is dropped.
struct PasswordLogin {
  std::string_view username;
  std::string_view password;
  std::string_view random;  // decimal digits
  PasswordFormula formula = PasswordFormula::web;
  std::optional<std::string_view> two_factor;  // empty: no such field
};

// "user=...,pass2=...,...", before base64. As good as the password: whoever has it can log in.
base::Secret password_payload(const PasswordLogin& login);

// "Basic base64(username:token)" (RFC 7617). The user name has no colon.
base::Secret token_authorization(std::string_view username, std::string_view token);

}  // namespace vsaproxy::auth
