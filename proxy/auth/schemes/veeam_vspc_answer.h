#pragma once
// Reads what VSPC servers answer to a step of a login. Pure, any thread.

#include <string_view>
#include <variant>

#include "proxy/auth/scheme.h"
#include "proxy/auth/schemes/veeam_vspc.h"

namespace vsaproxy::auth {

// The account has a second factor: it and a one-time code are the next step.
struct VspcMfa {
  base::Secret token;
};

// To be decrypted and sent back within 30 seconds.
struct VspcChallenge {
  base::Secret ciphertext;
};

// Of a Credential, renewal is the bare refresh token, if one came.
using VspcAnswer = std::variant<Credential, VspcMfa, VspcChallenge>;

// `advice` ends the message of a rejection ("check username and password").
base::Result<VspcAnswer> read_vspc_answer(VspcApi api, const LoginResponse& response,
                                          base::Time now, std::string_view advice);

// The server does not know the grant's name; it has looked at nothing else.
bool is_unknown_grant(const LoginResponse& response);

}  // namespace vsaproxy::auth
