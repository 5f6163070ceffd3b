#pragma once
// Users and groups of this machine, by name or number, as the system's databases have them now.
// May block on those: the manager thread and commands call it, workers never.

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/result.h"

namespace vsaproxy::ops {

// A name wins over a number that looks like it. Errors: configuration, if nobody has the name.
base::Result<std::uint32_t> find_user(const std::string& name);
base::Result<std::uint32_t> find_group(const std::string& name);

// Users whose primary or supplementary group it is, as far as the databases list users at all.
std::vector<std::uint32_t> members_of(std::uint32_t group);

}  // namespace vsaproxy::ops
