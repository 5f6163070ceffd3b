#pragma once
// The credential type `veeam-vspc`: Veeam Service Provider Console, by API key, password or RSA
// key. Pure, manager thread. Documented at
// https://helpcenter.veeam.com/docs/vac/rest/authorization_v3.html

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& veeam_vspc_scheme();

// How the server logs in: v3 is BASE/token; v2 are the calls under BASE/authentication, up
// to 3.5.1; v1 those under BASE/tokens of the vendor's sample code.
enum class VspcApi { v1, v2, v3 };

// The name of the grant that asks for a challenge: the API's schema and its help text disagree.
enum class VspcGrant { public_key, private_key };

// What the next login of the account gains from knowing: Credential::renewal.
struct VspcMemory {
  base::Secret refresh_token;
  VspcGrant grant = VspcGrant::public_key;  // that the server knows

  base::Secret write() const;
  // What it can't read is an account of which nothing is known.
  static VspcMemory read(std::string_view text);
};

}  // namespace vsaproxy::auth
