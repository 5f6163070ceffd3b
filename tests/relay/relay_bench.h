#pragma once
// The relay of one worker on a table: real connections, exchanges, pools and sessions' view, with
// streams of memory and time turned by hand. One thread.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/ops/log.h"
#include "proxy/ops/metrics.h"
#include "proxy/relay/client_connection.h"
#include "proxy/relay/context.h"
#include "proxy/relay/exchange_store.h"
#include "proxy/relay/relay_config.h"
#include "proxy/relay/upstream_pool.h"
#include "proxy/tokens/token_view.h"
#include "tests/relay/fake_dialer.h"
#include "tests/relay/fake_key_checker.h"
#include "tests/relay/memory_splicer.h"
#include "tests/relay/memory_stream.h"
#include "tests/support/manual_loop.h"

namespace vsaproxy::relay {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One upstream at http://127.0.0.1:9280. `upstream` holds further keys of it, `rest` further keys
// of the file, both as lines of YAML.
std::string open_file(std::string_view upstream = "", std::string_view rest = "");     // auth: none
std::string session_file(std::string_view upstream = "", std::string_view rest = "");  // logs in

// The first upstream with a credential has session 1, the next one session 2.
// `scheme`, if given, takes the place of every credential's type. `former`: it is a reload.
RelayConfigPtr make_config(std::string_view text, const auth::SchemeSpec* scheme = nullptr,
                           const RelayConfig* former = nullptr);

class RelayBench final : public Context, public ClientOwner, private tokens::SessionReports {
 public:
  explicit RelayBench(std::string_view file, const std::string& log_file = "/dev/null")
      : RelayBench(make_config(file), log_file) {}
  explicit RelayBench(RelayConfigPtr config, const std::string& log_file = "/dev/null");
  ~RelayBench() override;
  RelayBench(const RelayBench&) = delete;
  RelayBench& operator=(const RelayBench&) = delete;

  void settle() { loop_.settle(); }
  void settle_in_one_turn() { loop_.settle_in_one_turn(); }
  void advance(base::Duration by) { loop_.advance(by); }
  // Nothing is under way and nothing will happen by itself.
  bool is_idle() const { return loop_.is_idle(); }

  // A new client, and what it gets for one request.
  PeerPtr connect(std::string peer = "127.0.0.1:50000", std::optional<routing::LocalUser> user = {},
                  std::vector<std::string> certificate_names = {});
  FakeKeyChecker& keys() { return key_checker_; }
  // Takes effect with the next request of each client.
  void reload(std::string_view file);
  std::string ask(std::string_view request);
  std::size_t clients() const { return clients_.size(); }
  void drain();

  const MemorySplicer& spliced() const { return splicer_; }
  FakeDialer& dialer() { return dialer_; }
  // Connections to upstreams in the order of dialling.
  MemoryPeer& upstream(std::size_t i = 0);
  std::size_t upstreams() const { return dialer_.peers().size(); }

  // A login succeeded: Bearer `token` from now on. Ends a hold and a block.
  void log_in(std::string_view token, base::Duration lifetime = minutes(10));
  // A login failed, and none is tried for that long.
  void block_logins(ErrorKind kind, base::Duration wait);
  void set_hold(std::uint64_t number);
  // What the worker told the manager since the last call: "need 0", "refused 1", "hold_reached 7".
  std::vector<std::string> reports();

  std::uint64_t count(std::string_view family, const ops::LabelValues& labels) {
    return metric_set_.counter(family, labels).value();
  }
  double gauge(std::string_view family, const ops::LabelValues& labels) {
    return metric_set_.gauge(family, labels).value();
  }
  // Ends logging: what is in the file then is all there is.
  void close_log() { log_.reset(); }

 private:
  net::EventLoop& loop() override { return loop_; }
  DeadlineQueue& deadlines() override { return deadlines_; }
  ExchangeStore& exchanges() override { return exchanges_; }
  tokens::TokenView& tokens() override { return view_; }
  ops::Log& log() override { return *log_; }
  RelayMetrics& metrics() override { return metrics_; }
  const RelayConfigPtr& config() override { return config_; }
  UpstreamPool& pool(const RelayConfig& config, std::size_t upstream) override;
  RequestCounters& counters(const RelayConfig&) override { return *counters_; }
  std::span<char> scratch() override { return scratch_; }
  net::Splicer& splicer() override { return splicer_; }
  RequestId next_request_id() override { return RequestId(++ids_); }
  base::WallTime wall_now() override { return base::WallTime(seconds(1'700'000'000)); }
  KeyChecker& key_checker() override { return key_checker_; }
  ClientCounts& client_counts() override { return client_counts_; }
  bool is_draining() override { return is_draining_; }

  void on_client_done(ClientConnection& client) override;

  void need(tokens::SessionId session, std::uint64_t known) override;
  void used(tokens::SessionId session, std::uint64_t generation) override;
  void refused(tokens::SessionId session, std::uint64_t generation) override;
  void suspect(tokens::SessionId session, std::uint64_t generation) override;
  void acquit(tokens::SessionId session, std::uint64_t generation) override;
  void hold_reached(tokens::SessionId session, std::uint64_t hold) override;
  void publish();

  net::ManualLoop loop_;
  DeadlineQueue deadlines_;
  FakeKeyChecker key_checker_;
  ClientCounts client_counts_;
  ExchangeStore exchanges_;
  std::unique_ptr<ops::Log> log_;
  ops::MetricSet metric_set_;
  RelayMetrics metrics_;
  std::optional<RequestCounters> counters_;
  std::vector<char> scratch_;
  MemorySplicer splicer_;
  FakeDialer dialer_;
  tokens::TokenView view_;
  RelayConfigPtr config_;
  std::vector<std::unique_ptr<UpstreamPool>> pools_;
  std::map<ClientConnection*, std::unique_ptr<ClientConnection>> clients_;
  tokens::SessionUpdate state_;
  std::uint64_t generation_ = 0;
  std::vector<std::string> reports_;
  std::uint64_t ids_ = 0;
  bool is_draining_ = false;
};

}  // namespace vsaproxy::relay
