#pragma once
// The credential type `kaseya-soap`: Authenticate of the VSA 9 SOAP API yields a SessionID, which
// goes into the messages of that API. Pure, manager thread. Documented at
// https://help.kaseya.com/webhelp/EN/VSA/R8/3494.htm

#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/auth/schemes/kaseya_password.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

const SchemeSpec& kaseya_soap_scheme();

// What Authenticate is made of.
struct SoapLogin {
  std::string_view username;         // UTF-8, as typed
  std::string_view hashed_username;  // in the server's encoding, as is the password
  std::string_view password;
  std::string_view random;  // decimal digits
  PasswordHash hash = PasswordHash::sha_256;
};

// The SOAP 1.1 message. As good as the password: whoever has it can log in.
base::Secret soap_login_message(const SoapLogin& login);

}  // namespace vsaproxy::auth
