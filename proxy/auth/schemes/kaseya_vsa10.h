#pragma once
// kaseya-vsa10: the API token of VSA 10 (VSA X), sent with every request; there is no login
// (https://help.vsa10.kaseya.com/help/Content/2-Administration/configuration/api.htm).

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

const SchemeSpec& kaseya_vsa10_scheme();

}  // namespace vsaproxy::auth
