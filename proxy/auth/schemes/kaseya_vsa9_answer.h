#pragma once
// Reads the answers of a VSA 9 server: what a login yielded, and whether an answer says that the
// session is gone. Pure, any thread; input of any kind is safe.

#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

// `secret_name` ("token" or "password") is what an error tells the reader to check. Errors:
// login_rejected: the server read the login and refuses it; login_unavailable: it may accept the
// same login later (retry_after at most one hour); malformed: no answer of a VSA server. No byte of
// the answer gets into an error.
base::Result<Credential> read_vsa9_login(const LoginResponse& response, base::Time now,
                                         std::string_view secret_name);

// A successful status whose top-level JSON object has ResponseCode 401, as number or text. Text
// deeper inside and what is no JSON never count.
bool says_vsa9_session_lost(const AnswerLook& answer);

}  // namespace vsaproxy::auth
