#pragma once
// `vsaproxy login` and `vsaproxy unlock`: one real login with everything that the proxy would do,
// its budget included, and the clearing of that budget.

#include <string>

#include "proxy/ops/log.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

// Logs in with the named credential, or with all, at each origin that uses it; prints outcome,
// expiry and server clock, never a token. Returns the exit code: 0, 1 if a login failed, 2 if there
// is no such credential.
int run_login(const settings::Settings& settings, const std::string& name);

// Forgets the rejected logins of the credential's account. Works on the state directory; a running
// proxy notices. Returns the exit code, as run_login.
int run_unlock(const settings::Settings& settings, const std::string& name);

}  // namespace vsaproxy::cli
