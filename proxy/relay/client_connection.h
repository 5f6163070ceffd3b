#pragma once
// One client: its stream, its codec, and the exchange under way. Requests are taken one after the
// other, pipelined ones wait. Owned by the worker; one thread.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/h1_codec.h"
#include "proxy/net/stream.h"
#include "proxy/relay/client_access.h"
#include "proxy/relay/context.h"
#include "proxy/relay/deadline.h"
#include "proxy/relay/exchange_store.h"
#include "proxy/relay/request_plan.h"

namespace vsaproxy::relay {

class ClientOwner {
 public:
  virtual ~ClientOwner() = default;
  // The connection is done: take it off and destroy it later.
  virtual void on_client_done(class ClientConnection& client) = 0;
};

class ClientConnection final : private net::StreamHandler {
 public:
  // `peer` is the client's address. `access` is what the owner knows of it already, or null.
  // `trust` is what the stream's handshake goes by.
  ClientConnection(Context& context, ClientOwner& owner, std::unique_ptr<net::Stream> stream,
                   std::size_t listener, std::string peer,
                   std::unique_ptr<ClientAccess> access = nullptr,
                   net::ClientTrust trust = net::plain_trust);
  ~ClientConnection() override;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Closes now if idle, else after the answer under way.
  void drain();
  // Closes at once; an answer under way is cut.
  void abort();

  // Where the owner keeps it.
  void set_place(std::size_t place) { place_ = place; }
  std::size_t place() const { return place_; }

  // For the exchange.
  http::ServerCodec& codec() { return *codec_; }
  // For the log: the client, behind trusted proxies too, and the key or the like that it showed.
  const std::string& peer() const;
  std::string_view key_name() const;
  // Of the limits: a key's name, else a certificate's rule, else a user, else an address.
  std::string client_name() const;
  // Why the request under way is refused, whatever it asks for; null: it is not.
  const base::Error* refusal(const RequestPlan& plan) const;
  std::string_view scheme() const { return trust_ == net::plain_trust ? "http" : "https"; }
  // If the client is gone, the exchange hears of it through cancel().
  void write(std::span<const std::string_view> parts);
  // What is written next completes the answer. If the connection ends with it, its end goes along.
  void announce_last_write();
  // Bytes of the stream go to the client as they are, as far as both sides can; nothing if not.
  std::optional<net::ReadResult> splice(net::Stream& from, std::size_t most);
  std::size_t unsent() const { return stream_->unsent(); }
  // Input is being taken: the exchange hears when there is no more (on_request_pause).
  bool is_processing() const { return is_processing_; }
  // The exchange wants the body again.
  void resume_request();
  // The rest of the request, if any, is short enough to be read and dropped.
  bool can_discard_rest() const;
  void on_exchange_complete();
  void on_exchange_cut();

  static constexpr std::size_t max_discarded_body = 64 * 1024;

 private:
  // What the connection waits for.
  enum class Phase {
    idle,
    reading_head,
    awaiting_key,
    exchanging,
    discarding,
    cutting,
    lingering,
    closed
  };

  void on_readable() override;
  void on_drained() override;
  void on_failed(const base::Error& error) override;
  void take(std::string_view bytes);
  void process(std::string_view& input);
  bool is_ending() const;
  bool may_process() const;
  void step(const http::Event& event);
  void begin_head();
  void adopt_config();
  void on_head();
  void on_access_decided();
  void begin_exchange();
  void next_request();
  void give_back_codec();
  void on_bad_request(const base::Error& error);
  void answer_without_exchange(const base::Error& error);
  void on_client_closed();
  void on_deadline();
  void close_in_order();
  void await_delivery();
  void note_broken();
  void done();
  enum class Activity { idle, active };
  void count_as(Activity activity);

  Context& context_;
  ClientOwner& owner_;
  std::unique_ptr<net::Stream> stream_;
  RelayConfigPtr config_;
  std::size_t listener_;
  std::size_t place_ = 0;
  const std::string peer_;
  const net::ClientTrust trust_;
  std::optional<base::Error> outdated_;         // the listener's tls is another one now
  std::unique_ptr<ClientAccess> access_;        // null: nothing is asked about clients
  std::unique_ptr<http::H1ServerCodec> codec_;  // null while idle
  Phase phase_ = Phase::idle;
  std::string unread_;  // received, but not wanted yet
  bool is_processing_ = false;
  bool is_broken_ = false;
  bool has_read_everything_ = false;  // when lingering began
  Activity activity_ = Activity::idle;
  std::size_t last_unsent_ = 0;  // when lingering: of unsent(), when cutting: of undelivered()
  base::Time patience_ends_{};   // when cutting, unless the client takes something
  ExchangePtr exchange_;
  Deadline deadline_;
};

}  // namespace vsaproxy::relay
