#pragma once
// One event-loop thread with everything on it: accepted clients, upstream pools, a view of the
// sessions. Owned by main; other threads reach it only through its loop.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/peer_identity.h"
#include "proxy/net/pipe_splicer.h"
#include "proxy/ops/log.h"
#include "proxy/ops/metrics.h"
#include "proxy/relay/client_connection.h"
#include "proxy/relay/context.h"
#include "proxy/relay/exchange_store.h"
#include "proxy/relay/upstream_pool.h"
#include "proxy/tokens/token_view.h"

namespace vsaproxy::relay {

class Worker final : public Context, public ClientOwner {
 public:
  struct Share {
    int index = 0;
    int count = 1;  // of all workers: limits of the process are divided by it
  };
  // What all workers use together.
  struct Shared {
    KeyChecker& key_checker;
    ClientCounts& client_counts;
  };
  Worker(Share share, const Shared& shared, net::Resolver& resolver,
         tokens::SessionReports& reports, ops::Log& log, ops::MetricSet& metrics);
  ~Worker() override;  // after join()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  net::LibeventLoop& event_loop() { return loop_; }
  tokens::TokenView& token_view() { return tokens_; }
  void start();
  void join();

  // Any thread. `fds` are the listening sockets, by listener. `done` runs in the worker's thread
  // once new connections and requests use the configuration.
  void apply(RelayConfigPtr config, std::vector<int> fds, std::function<void()> done);
  // Accepts nothing more, `deaf` once that is so; closes each connection after its answer, `done`
  // once all are closed. Both run in the worker's thread.
  void drain(std::function<void()> deaf, std::function<void()> done);
  // Ends the loop; answers under way are cut.
  void stop();

 private:
  // What belongs to one configuration, as long as an exchange uses it.
  struct ConfigUse {
    std::weak_ptr<const RelayConfig> config;
    const RelayConfig* key = nullptr;
    std::vector<UpstreamPool*> pools;  // by upstream
    RequestCounters counters;
  };

  // Context.
  net::EventLoop& loop() override { return loop_; }
  DeadlineQueue& deadlines() override { return deadlines_; }
  ExchangeStore& exchanges() override { return exchanges_; }
  tokens::TokenView& tokens() override { return tokens_; }
  ops::Log& log() override { return log_; }
  RelayMetrics& metrics() override { return metrics_; }
  const RelayConfigPtr& config() override { return config_; }
  UpstreamPool& pool(const RelayConfig& config, std::size_t upstream) override;
  RequestCounters& counters(const RelayConfig& config) override { return use_of(config).counters; }
  std::span<char> scratch() override { return scratch_; }
  net::Splicer& splicer() override { return splicer_; }
  RequestId next_request_id() override;
  base::WallTime wall_now() override { return std::chrono::system_clock::now(); }
  KeyChecker& key_checker() override { return shared_.key_checker; }
  ClientCounts& client_counts() override { return shared_.client_counts; }
  bool is_draining() override { return is_draining_; }

  void on_client_done(ClientConnection& client) override;
  ConfigUse& use_of(const RelayConfig& config);
  void adopt(RelayConfigPtr config, const std::vector<int>& fds);
  UpstreamPool* pool_for(const RelayConfig& config, std::size_t upstream);
  void sweep_pools();
  void on_accepted(std::size_t listener, net::FileDescriptor socket, std::string peer);
  bool is_full() const;
  base::Result<std::unique_ptr<ClientAccess>> access_of(std::size_t listener, int socket,
                                                        std::string_view peer);
  void refuse(std::size_t listener, net::FileDescriptor socket, std::string peer,
              const base::Error& error);
  void admit(std::size_t listener, net::FileDescriptor socket, std::string peer,
             std::unique_ptr<ClientAccess> access);
  void warn_of_overload(std::string_view detail);

  const Share share_;
  const Shared shared_;
  net::PeerIdentity peer_identity_;
  net::LibeventLoop loop_;
  DeadlineQueue deadlines_;
  ExchangeStore exchanges_;
  net::SocketDialer dialer_;
  tokens::TokenView tokens_;
  ops::Log& log_;
  ops::MetricSet& metric_set_;
  RelayMetrics metrics_;
  std::vector<char> scratch_;
  net::PipeSplicer splicer_;
  RelayConfigPtr config_;
  std::vector<std::unique_ptr<UpstreamPool>> pools_;
  std::list<ConfigUse> config_uses_;  // the newest last
  std::vector<std::unique_ptr<ClientConnection>> clients_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::unique_ptr<net::Timer> sweep_timer_;
  std::uint64_t id_key_ = 0;
  std::uint64_t id_count_ = 0;
  std::optional<net::Time> overload_warned_;
  int surplus_clients_ = 0;  // let in to be refused
  bool is_draining_ = false;
  std::function<void()> on_drained_;
  std::thread thread_;
};

}  // namespace vsaproxy::relay
