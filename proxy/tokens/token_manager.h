#pragma once
// Runs every login of the process, on the manager thread, so that a slow login server stalls no
// traffic. Owned by main; workers reach it through SessionReports, from any thread.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/log.h"
#include "proxy/ops/login_ledger.h"
#include "proxy/ops/metrics.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/secret_store.h"
#include "proxy/tokens/session.h"
#include "proxy/tokens/session_update.h"
#include "proxy/tokens/token_view.h"

namespace vsaproxy::tokens {

class TokenManager final : public SessionReports {
 public:
  TokenManager(net::EventLoop& loop, net::Dialer& dialer, const std::string& state_dir,
               ops::Log& log, ops::MetricSet& metrics);
  ~TokenManager() override;
  TokenManager(const TokenManager&) = delete;
  TokenManager& operator=(const TokenManager&) = delete;

  // Before the first configure().
  void add_worker(net::EventLoop& loop, TokenView& view);

  // The sessions of a configuration, by upstream; empty for auth: none. Sessions whose credential
  // and origin stay the same go on. `printed` has what the programs of `tls` print. Changes nothing
  // on an error. Errors: configuration, with the upstream.
  using UpstreamSessions = std::vector<std::optional<SessionId>>;
  base::Result<UpstreamSessions> prepare(const settings::Settings& settings,
                                         const ops::PrintedTexts& printed);
  // Once every worker uses the prepared ones: logs in where needed. The others serve the exchanges
  // that began with them for a while.
  void commit();

  // One line for each session that has never been ready, with the reason; empty: all are.
  std::vector<std::string> unready() const;

  void need(SessionId session, std::uint64_t known) override;
  void used(SessionId session, std::uint64_t generation) override;
  void refused(SessionId session, std::uint64_t generation) override;
  void suspect(SessionId session, std::uint64_t generation) override;
  void acquit(SessionId session, std::uint64_t generation) override;
  void hold_reached(SessionId session, std::uint64_t hold) override;

 private:
  struct WorkerLink {
    net::EventLoop* loop;
    TokenView* view;
  };
  // What makes two sessions the same one.
  struct Key {
    settings::Credential credential;
    http::Origin origin;
    std::optional<http::Authority> connect;
    settings::UpstreamTls tls;
    ops::UpstreamFiles files;
    std::string settings_file;
    std::optional<http::Origin> check_origin;  // empty: the session is checked where it is made
    friend bool operator==(const Key&, const Key&) = default;
    // The same server, reached and trusted in the same way.
    bool has_same_server(const Key& other) const;
  };
  struct Entry {
    Key key;
    std::unique_ptr<Session> session;
    bool is_started = false;
    bool is_wanted = false;
    std::optional<base::Time> former_since;  // no configuration has it any more
  };

  base::Result<SessionId> session_for(const settings::Settings& settings,
                                      const settings::Upstream& upstream,
                                      const ops::PrintedTexts& printed);
  SessionTools tools_for(SessionId id, const std::string& settings_file);
  // The session that the present configuration has for a former one's account; null: none.
  Session* successor_of(const Entry& former) const;
  int publish(SessionId id, const SessionUpdate& update);
  void end_former_sessions();
  void in_session(SessionId id, std::function<void(Session&)> work);

  net::EventLoop& loop_;
  net::Dialer& dialer_;
  ops::LoginLedger ledger_;
  ops::Log& log_;
  ops::MetricSet& metrics_;
  SecretStore commands_;
  std::vector<WorkerLink> workers_;
  std::map<SessionId, Entry> sessions_;
  std::size_t next_id_ = 1;
  std::unique_ptr<net::Timer> poll_timer_;
};

}  // namespace vsaproxy::tokens
