#pragma once
// The two kinds of time. Everything that waits uses the steady one; the wall clock is only for what
// people and servers write down. Pure code takes either as an argument.

#include <chrono>

namespace vsaproxy::base {

using Duration = std::chrono::milliseconds;
// Never jumps; has no meaning outside this process.
using Time = std::chrono::steady_clock::time_point;
// May jump both ways.
using WallTime = std::chrono::system_clock::time_point;

}  // namespace vsaproxy::base
