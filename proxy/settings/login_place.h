#pragma once
// Where the logins of an upstream's credential go. Pure.

#include "proxy/settings/settings.h"

namespace vsaproxy::settings {

// How to reach and trust that server: as the upstream, or as another one of the file with the same
// origin, or else with the defaults. The upstream must have a credential.
Upstream login_place(const Settings& settings, const Upstream& upstream);

}  // namespace vsaproxy::settings
