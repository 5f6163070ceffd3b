#pragma once
// The running proxy: builds everything in order, serves until told to stop, and swaps the
// configuration in between. Owned by main; the main thread, which is also the manager thread.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/admin/admin_server.h"
#include "proxy/cli/certificate_watch.h"
#include "proxy/cli/command_line.h"
#include "proxy/cli/program_run.h"
#include "proxy/cli/sandbox.h"
#include "proxy/cli/systemd_sockets.h"
#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/resolver.h"
#include "proxy/ops/log.h"
#include "proxy/ops/metrics.h"
#include "proxy/relay/client_counts.h"
#include "proxy/relay/key_checker.h"
#include "proxy/relay/relay_config.h"
#include "proxy/relay/worker.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/token_manager.h"

namespace vsaproxy::cli {

class Server {
 public:
  Server(const CommandLine& line, std::shared_ptr<const settings::Settings> settings,
         std::unique_ptr<ops::Log> log, const WriteLock& write_lock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens the listeners and starts the threads. Errors: configuration, system; draining: a signal
  // to stop came while it waited for a program.
  base::Result<void> start();
  // Serves until a signal ends it. Signals must be blocked until then: they come to this thread
  // alone, and what came during the start is not lost. Returns the exit code.
  int serve();

 private:
  using Sockets = std::map<std::string, std::unique_ptr<net::ListeningSockets>>;

  std::shared_ptr<const settings::Settings> fit_descriptor_limit(
      std::shared_ptr<const settings::Settings> settings);
  base::Result<void> open_listeners(const settings::Settings& settings, Sockets& fresh);
  base::Result<std::unique_ptr<net::ListeningSockets>> open_listener(
      const settings::Settings& settings, const settings::Listener& listener);
  base::Result<void> set_socket_access(const settings::Settings& settings);
  const net::ListeningSockets& sockets_of(const settings::Listener& listener) const;
  // Hands the configuration to all workers; `done` runs in this thread once all use it.
  void distribute(relay::RelayConfigPtr config, std::function<void()> done);
  void announce(const settings::Settings& settings) const;
  void warn_of_exposure(const settings::Settings& settings);
  // Runs the programs that print keys, for the start. Blocks, until a signal to stop at most; those
  // must be blocked.
  base::Result<ops::PrintedTexts> print_keys() const;
  void reload();
  void finish_reload(const base::Result<void>& outcome);
  base::Result<void> try_reload(std::shared_ptr<const settings::Settings> loaded,
                                const ops::PrintedTexts& printed);
  void warn_of_fixed_keys(const settings::Settings& settings);
  void note_reload(bool succeeded);
  void on_stop_signal();
  std::vector<std::string> readiness() const;

  const CommandLine line_;
  const WriteLock& write_lock_;
  std::shared_ptr<const settings::Settings> settings_;
  std::unique_ptr<ops::Log> log_;
  ops::Metrics metrics_;
  ops::MetricSet& own_metrics_;
  net::LibeventLoop loop_;
  net::Resolver resolver_;
  net::SocketDialer dialer_;
  tokens::TokenManager manager_;
  SystemdSockets systemd_sockets_;
  relay::ClientCounts client_counts_;
  relay::RelayConfigPtr config_;  // that the workers use, or are given
  std::vector<std::unique_ptr<relay::Worker>> workers_;
  relay::KeyCheckThread key_checker_;  // ends before the workers that it calls
  CertificateWatch certificate_watch_;
  ProgramRun reload_programs_;
  Sockets sockets_;  // by address as written
  std::unique_ptr<admin::AdminServer> admin_;
  std::vector<net::EventHandle> signals_;
  std::unique_ptr<net::Timer> drain_timer_;
  int listening_workers_ = 0;
  int draining_workers_ = 0;
  bool is_serving_ = false;
  bool is_stopping_ = false;
  bool reload_is_due_ = false;
};

}  // namespace vsaproxy::cli
