#pragma once
// One request and its answer, from the complete head to the log line: the state machine of the
// relay. Owned by the client's connection; one thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/proxy_fields.h"
#include "proxy/relay/context.h"
#include "proxy/relay/deadline.h"
#include "proxy/relay/exchange_buffers.h"
#include "proxy/relay/request_gate.h"
#include "proxy/relay/upstream_connection.h"
#include "proxy/relay/upstream_pool.h"
#include "proxy/tokens/token_view.h"

namespace vsaproxy::relay {

class ClientConnection;

class Exchange final : private AnswerHandler,
                       private ConnectionWaiter,
                       private RequestGate::Waiter,
                       private tokens::CredentialWaiter {
 public:
  // `config` must outlive the exchange's end (its finish), `buffers` the exchange.
  Exchange(Context& context, ClientConnection& client, const RelayConfig& config,
           std::size_t listener, ExchangeBuffers& buffers);
  ~Exchange() override;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The head is complete in the client's codec. May finish at once.
  void begin();
  bool wants_request_body() const;
  void on_request_data(std::string_view data);
  void on_request_end();
  // Nothing more of the request has arrived; what was sent must leave now.
  void on_request_pause() { flush_to_upstream(); }
  // The client's side took everything that was kept for it.
  void on_client_drained();
  // The rest of the request is not acceptable: answers, or cuts an answer under way.
  void on_request_failed(const base::Error& error);
  // The client is gone: nothing more is sent anywhere.
  void cancel();

  ExchangeBuffers& buffers() { return buffers_; }

  static constexpr base::Duration continue_patience = std::chrono::seconds(1);
  static constexpr base::Duration hold_back_patience = std::chrono::seconds(1);

 private:
  enum class State {
    beginning,
    gathering_body,  // its beginning, or all of one to be edited or answered by what it says
    awaiting_credential,
    awaiting_turn,  // limits of the upstream
    awaiting_connection,
    awaiting_continue,       // the head is sent, the body waits for "100 Continue"
    awaiting_answer,         // the request is being sent, or is
    holding_answer,          // its first bytes may say "session gone"
    awaiting_fresh_session,  // they did, or its status: the answer is kept until the login is over
    editing_answer,          // it is kept until it is whole
    relaying_answer,
    finished,
  };
  using Clock = std::chrono::steady_clock;

  void enter(State next) { state_ = next; }  // the only place that assigns state_
  const settings::Settings& settings() const { return *config_.settings; }
  const settings::Route& route() const { return settings().routes[buffers_.plan.route]; }
  const settings::Upstream& upstream() const {
    return settings().upstreams[buffers_.plan.upstream];
  }
  const settings::Credential* credential_settings() const {
    return buffers_.plan.passes_login ? nullptr : config_.credential_of(upstream());
  }
  http::RequestHead& request();

  // Towards the upstream.
  void note_observed();
  void prepare_request(http::Treatment authorization);
  void seek_credential();
  void on_credential(base::Result<tokens::CredentialPtr> outcome) override;
  void use_credential(tokens::CredentialPtr credential);
  void on_no_credential(const base::Error& error);
  void seek_turn();
  void on_turn(base::Result<RequestGate::Slot> outcome) override;
  void seek_connection(UpstreamPool::Freshness freshness);
  void on_connection(base::Result<ConnectionPtr> outcome) override;
  void use_connection(ConnectionPtr connection);
  void send_request();
  void send_held_body();
  void on_continue();
  void flush_to_upstream(std::string_view data = {});
  void pass_on(std::string_view data);
  bool asks_upstream_first() const;
  bool must_keep_sent_body() const;
  void keep_sent_body(std::string_view data);
  void invite_body();
  bool is_sending() const;
  bool method_is_replayable() const;
  bool can_replay() const;
  tokens::Replayable replayable() const;

  // Bodies that are held back (exchange_hold.cc).
  void hold_back_or_go_on();
  bool holds_back_body() const;
  std::size_t most_held_back() const;
  void begin_holding_back();
  void hold_back(std::string_view data);
  void on_held_back_long();
  bool leaves_room();
  bool must_hold_back_again();
  void stop_holding_back(std::string_view data);
  void on_whole_body();

  // Messages that carry the session, and logins to be answered by what they say
  // (exchange_edit.cc).
  void begin_edit(const auth::MessageEditor& editor);
  auth::RequestLook look();
  void gather_body();
  void gather_login();
  void begin_gathering();
  void keep_gathered(std::string_view data);
  void on_gathered();
  void inspect_message();
  void begin_login_operation();
  std::string_view token() const;
  void encode_edited_head();
  void begin_edited_body();
  void send_edited_body();
  bool begin_answer_edit();
  void give_up_answer_edit(std::string_view data);
  void begin_edited_answer();
  void send_edited_answer();

  // From the upstream (exchange_answer.cc).
  void on_answer_interim(int status) override;
  void on_answer_head() override;
  void on_answer_data(std::string_view data) override;
  void on_answer_end() override;
  std::optional<net::ReadResult> on_answer_spliceable(net::Stream& from, std::size_t most) override;
  void on_answer_pause() override;
  void on_upstream_failed(const base::Error& error) override;
  void on_upstream_drained() override;
  bool is_refused_status(int status) const;
  void on_session_refused();
  void keep_refused_data(std::string_view data);
  void begin_due_replay();
  void drop_refused_answer();
  void forward_kept_answer();
  std::string_view client_prefix() const;
  void forward_head();
  void forward_data(std::string_view data);
  void forward_end();
  void flush_to_client();
  void heed_client();
  void count_sent(std::size_t bytes);
  void on_hold_deadline();
  void stop_holding();
  enum class Watching { goes_on, over };
  void release_held(Watching watching);
  void finish_watching();
  void note_replay_outcome(RelayMetrics::ReplayResult result);

  // Answers of the proxy's own (exchange_local.cc).
  void answer_with(const base::Error& error);
  void answer_login(const base::Error* failure);
  void answer_preflight();
  void send_local(http::ResponseHead& head, std::string_view body);

  // Endings.
  bool retry_on_new_connection();
  void note_progress();
  void await_answer();
  std::size_t unsent() const;  // kept for slow receivers, both ways
  void on_deadline();
  void on_slow_body();
  void cut_short(const base::Error& error);
  void give_back_connection();
  void drop_connection();
  enum class Ending { complete, cut };
  void finish(Ending ending);
  void note_end();
  void log_access(std::chrono::microseconds total);

  Context& context_;
  ClientConnection& client_;
  const RelayConfig& config_;
  const std::size_t listener_;
  ExchangeBuffers& buffers_;
  const RequestId id_;
  State state_ = State::beginning;
  bool is_planned_ = false;

  bool held_is_complete_ = true;  // held_body has every byte received so far
  bool request_ended_ = false;
  // The answer came before the body was sent: what is missing can't be sent any more, so nothing of
  // the rest is, and the connection is not used again.
  bool upload_is_stopped_ = false;
  bool invited_body_ = false;
  bool is_trickling_ = false;  // its beginning was held back, until there was room for it

  std::optional<tokens::SessionId> session_;
  tokens::CredentialPtr credential_;
  std::unique_ptr<tokens::TokenView::Wait> credential_wait_;
  std::unique_ptr<tokens::TokenView::Use> unreplayable_use_;
  std::uint64_t refused_generation_ = 0;
  bool replayed_ = false;
  bool replay_is_counted_ = false;
  bool retried_ = false;

  RequestGate::Slot slot_;  // from its turn to the end, replays included; empty without limits
  std::unique_ptr<RequestGate::Wait> turn_wait_;
  std::unique_ptr<UpstreamPool::Wait> connection_wait_;
  ConnectionPtr connection_;
  bool connection_was_reused_ = false;
  bool upstream_is_paused_ = false;

  bool is_watching_ = false;      // the look goes on while the answer is being sent
  bool replay_is_due_ = false;    // once what has arrived of the refusal is read
  bool answer_is_whole_ = false;  // of a kept answer
  bool answer_is_broken_ = false;
  bool head_is_forwarded_ = false;
  std::string_view data_to_client_;  // the slice of body that is written with the next flush

  std::size_t last_unsent_ = 0;  // when bytes moved last
  Deadline deadline_;
  Deadline hold_deadline_;  // of a body's beginning, then of an answer's

  // For the access line.
  const base::Time began_;
  base::Time wait_began_{};
  base::Time sent_at_{};
  std::chrono::microseconds login_wait_{};
  std::chrono::microseconds upstream_time_{};
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  int status_ = 0;
  std::string_view error_;
};

}  // namespace vsaproxy::relay
