#pragma once
// What a session touches outside of itself, handed in, so that its life can be tested without a
// clock, a network or chance.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/log.h"
#include "proxy/ops/login_ledger.h"
#include "proxy/ops/metrics.h"
#include "proxy/tokens/secret_store.h"
#include "proxy/tokens/session_update.h"

namespace vsaproxy::tokens {

struct SessionTools {
  net::EventLoop& loop;
  ops::LoginLedger& ledger;
  ops::Log& log;
  ops::MetricSet& metrics;
  std::function<base::WallTime()> wall_now;
  std::function<std::uint32_t()> random;
  std::function<base::Result<base::Secret>(const base::SecretRef&)> read_secret;
  std::function<std::uint64_t(const base::SecretRef&)> secret_stamp;
  // Runs commands for read_secret(): null where there are none.
  SecretStore* commands = nullptr;
  // Turns a token into a text that names it without telling it.
  std::function<std::string(std::string_view)> fingerprint;
  // Tells every worker; returns how many there are, each of which acknowledges a hold.
  std::function<int(const SessionUpdate&)> publish;
};

// The real ones: system clock, OpenSSL's random numbers, secrets from where they are. `publish` is
// left to the caller. Fingerprints are keyed for this process. All must outlive the tools.
SessionTools make_session_tools(net::EventLoop& loop, ops::LoginLedger& ledger, ops::Log& log,
                                ops::MetricSet& metrics, SecretStore& commands,
                                const std::string& settings_file);

}  // namespace vsaproxy::tokens
