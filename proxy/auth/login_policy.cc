#include "proxy/auth/login_policy.h"

#include <algorithm>
#include <chrono>

namespace vsaproxy::auth {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double most_lead = 0.2;    // of the lifetime
constexpr double most_jitter = 0.1;  // of the wait or the lead

Seconds shorten(Seconds length, double jitter) { return length * (1 - most_jitter * jitter); }

}  // namespace

base::Time renewal_time(base::Time issued, base::Time expires, const Lead& lead, double jitter) {
  if (expires <= issued) return issued;
  const Seconds lifetime = expires - issued;
  const auto* share = std::get_if<double>(&lead);
  const Seconds wanted = share != nullptr ? lifetime * *share : Seconds(std::get<0>(lead));
  const Seconds used = std::clamp(wanted, Seconds(0), lifetime * most_lead);
  const auto early = std::chrono::duration_cast<base::Time::duration>(shorten(used, jitter));
  return std::max(issued, expires - early);
}

base::Duration Backoff::next(double jitter) {
  base::Duration wait = min_;
  for (int i = 0; i < failures_ && wait < max_; ++i) wait *= 2;
  wait = std::min(wait, max_);
  if (wait < max_) ++failures_;
  return std::chrono::duration_cast<base::Duration>(shorten(wait, jitter));
}

}  // namespace vsaproxy::auth
