#pragma once
// Every credential type there is: a new one is one line in scheme_list.cc.

#include <span>
#include <string_view>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

std::span<const SchemeSpec* const> all_schemes();
// nullptr if there is none of that name.
const SchemeSpec* find_scheme(std::string_view name);

}  // namespace vsaproxy::auth
