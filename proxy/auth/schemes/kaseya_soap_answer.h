#pragma once
// Reads the answers of the VSA 9 SOAP API: what a login yielded, and whether an answer says that
// the session is gone. Pure, any thread; input of any kind is safe.

#include "proxy/auth/scheme.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

struct SoapLoginOutcome {
  base::Result<Credential> credential;
  // Of a rejection: the other hash might be taken. Not so where the server names another cause.
  bool may_be_hash = false;
};

// The SessionID becomes Credential::token. Errors: login_rejected (SessionID 0, an ErrorMessage, a
// fault that is not the server's own, no session at all), login_unavailable, malformed. No byte of
// the answer gets into an error.
SoapLoginOutcome read_soap_login(const LoginResponse& response);

// The status of an answer whose body is a fault (SOAP 1.1, 6.2; 1.2 part 2, 7.5.2.2).
inline constexpr int soap_fault_status = 500;

// A successful status, and in the method's own result a SessionID of 0 or an ErrorMessage that
// speaks of a session; or a fault that does. Results of login operations and text deeper inside
// never count.
bool says_soap_session_lost(const AnswerLook& answer);

}  // namespace vsaproxy::auth
