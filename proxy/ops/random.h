#pragma once
// Numbers that nobody can foresee, from OpenSSL. Any thread.

#include <cstddef>
#include <span>

namespace vsaproxy::ops {

// Ends the process if the system has none to give: nothing would be safe then.
void fill_random(std::span<std::byte> bytes);

}  // namespace vsaproxy::ops
