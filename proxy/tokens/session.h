#pragma once
// The life of one session: when it logs in, renews, checks, backs off and stops. Owned by the token
// manager; its thread only. Everything it touches outside is handed in.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/login_policy.h"
#include "proxy/auth/scheme.h"
#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/login_transport.h"
#include "proxy/tokens/session_cache.h"
#include "proxy/tokens/session_tools.h"
#include "proxy/tokens/session_update.h"

namespace vsaproxy::tokens {

// By status or by body, as the credential says.
bool is_session_refusal(const settings::Credential& credential, const LoginAnswer& answer);

class Session {
 public:
  // How long requests that can't be replayed may keep a login waiting: while the session is good,
  // and when it was refused (it may still be good: some paths always answer 401).
  static constexpr base::Duration renewal_patience = std::chrono::seconds(10);
  static constexpr base::Duration refusal_patience = std::chrono::seconds(2);
  static constexpr base::Duration check_interval = std::chrono::seconds(10);
  // How long refusals of an acquitted session are believed to be the path's, where no check can
  // tell when it ends after all.
  static constexpr base::Duration acquittal_time = std::chrono::minutes(1);

  // `origin` is where the login goes. `check_transport` leads to where the session is checked, if
  // that is another server.
  Session(SessionTools tools, const settings::Credential& settings, std::string origin,
          std::unique_ptr<LoginTransport> transport,
          std::unique_ptr<LoginTransport> check_transport = nullptr);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The first login, unless the cache has a session that is still good.
  void start();
  // A login even if the cache has one. For commands, in place of start().
  void log_in();
  // A former configuration's: serves who still waits for it, but renews no more. And back. Where
  // `successor`, of the same account at the same server, is given, its credential takes the place
  // of further logins: each would end the successor's session on a server of one session for each
  // account. It must outlive this, or be replaced by another call.
  void retire(Session* successor);
  void revive();
  // What `successor` has published.
  void on_successor(const SessionUpdate& update);
  // Of which account, where.
  ops::LoginAccount account() const;
  void need(std::uint64_t known);
  void used(std::uint64_t generation);
  void refused(std::uint64_t generation);
  void suspect(std::uint64_t generation);
  void acquit(std::uint64_t generation);
  void hold_reached(std::uint64_t hold);
  // Once a second: looks for changed secrets and for a record that another process changed.
  void poll();
  // The state as of now, for a worker that starts later.
  SessionUpdate snapshot() const { return state_; }

  // There has been a session since the start.
  bool is_ready() const { return was_ready_; }
  // Why there is no session; empty if there is one or nothing has failed yet.
  const std::optional<LoginBlock>& block() const { return state_.block; }
  const settings::Credential& settings() const { return settings_; }
  const std::string& origin() const { return origin_; }

 private:
  enum class Phase { idle, holding, logging_in };
  enum class Urgency { renewal, refusal, nothing_to_lose };

  bool has_usable_credential() const;
  void begin_login(Urgency urgency);
  void run_login();
  void log_in_under_lock();
  // True if another process has left a usable session, which is then in use here.
  bool adopt_news();
  void fetch_secrets(Urgency urgency);
  void hold_requests(Urgency urgency);
  void start_scheme();
  base::Result<std::unique_ptr<auth::Scheme>> make_scheme();
  void take_step(base::Result<auth::Step> step);
  void send(const auth::LoginRequest& request);
  // False: the request must not leave, and what follows is under way.
  bool claim_code(const auth::CodeTime& code);
  void on_answer(base::Result<LoginAnswer> answer);
  void set_acquitted(bool acquitted);
  void on_acquittal_over();
  void succeed(auth::Credential credential);
  void install(auth::Credential credential, base::Time issued, std::string_view message);
  void fail(base::Error error);
  void settle_record(const base::Error& error);
  void end_login();
  void schedule_renewal(base::Time issued);
  void on_renewal_due();
  void on_retry_due();
  void begin_check();
  void on_check_answer(base::Result<LoginAnswer> answer, std::uint64_t generation);
  bool is_stopped() const;
  std::vector<std::uint64_t> secret_stamps() const;
  std::vector<base::SecretRef> secret_commands() const;
  void doubt_secrets();
  void count(std::string_view result);
  void follow_successor();
  double jitter() { return tools_.random() / 4294967296.0; }

  SessionTools tools_;
  const settings::Credential settings_;
  const std::string origin_;
  std::unique_ptr<LoginTransport> transport_;
  std::unique_ptr<LoginTransport> check_transport_;
  std::unique_ptr<SessionCache> cache_;  // null: none
  CredentialPtr former_;                 // what the last login yielded, here or in another process
  auth::Backoff backoff_;
  SessionUpdate state_;
  Phase phase_ = Phase::idle;
  std::uint64_t generation_ = 0;
  std::uint64_t holds_ = 0;
  int awaited_acknowledgements_ = 0;
  bool was_used_ = false;
  bool renewal_is_due_ = false;
  bool was_ready_ = false;
  bool is_retired_ = false;
  bool wants_own_login_ = false;
  Session* successor_ = nullptr;
  std::uint64_t followed_generation_ = 0;          // of the successor's credential in use here
  bool is_following_ = false;                      // waits for a newer one
  std::vector<std::uint64_t> seen_secret_stamps_;  // of those the last login used
  std::uint64_t seen_record_stamp_ = 0;
  std::optional<base::Time> last_check_;

  std::unique_ptr<SecretStore::Fetch> secret_fetch_;
  std::unique_ptr<auth::Scheme> scheme_;
  base::Secret login_secret_;  // the one whose rejection counts
  std::string attempt_;        // its entry in the ledger
  base::Time sent_at_{};
  bool has_waited_for_code_ = false;  // in this login
  std::unique_ptr<LoginTransport::Exchange> exchange_;
  std::unique_ptr<LoginTransport::Exchange> check_;
  std::unique_ptr<net::Timer> hold_timer_;
  std::unique_ptr<net::Timer> renewal_timer_;
  std::unique_ptr<net::Timer> retry_timer_;
  std::unique_ptr<net::Timer> code_timer_;
  std::unique_ptr<net::Timer> acquittal_timer_;
};

}  // namespace vsaproxy::tokens
