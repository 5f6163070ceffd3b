#pragma once
// Looks every second whether the files of a listener's certificate have changed, and lets new
// connections use the new ones; where a part of it is printed, the program runs first. Owned by the
// server; the main thread.

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "proxy/cli/program_run.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/log.h"
#include "proxy/relay/relay_config.h"

namespace vsaproxy::cli {

class CertificateWatch {
 public:
  static constexpr base::Duration interval = std::chrono::seconds(1);

  CertificateWatch(net::EventLoop& loop, ops::Log& log);
  // From now on those of this configuration.
  void watch(relay::RelayConfigPtr config);

 private:
  void look();
  void look_at(std::size_t listener);
  void renew(std::size_t listener, const base::Result<ops::PrintedTexts>& printed);

  net::EventLoop& loop_;
  ops::Log& log_;
  relay::RelayConfigPtr config_;
  std::vector<std::uint64_t> stamps_;          // by listener
  std::map<std::size_t, ProgramRun> runs_;     // by listener
  std::map<std::size_t, base::Time> retries_;  // likewise, where a program failed
  std::unique_ptr<net::Timer> timer_;
};

}  // namespace vsaproxy::cli
