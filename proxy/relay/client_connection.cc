#include "proxy/relay/client_connection.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/relay/exchange.h"
#include "proxy/relay/problem_answer.h"

namespace vsaproxy::relay {
namespace {

using base::Error;
using base::ErrorKind;
using http::Event;

// So much of pipelined requests is read ahead.
constexpr std::size_t max_unread = 64 * 1024;
// How long a client may go on sending after an answer that closes (RFC 9112, 9.6).
constexpr base::Duration linger_patience = std::chrono::seconds(2);
// Between two looks at what the client's system has got of an answer that is cut.
constexpr base::Duration shortest_pause = std::chrono::milliseconds(20);
constexpr base::Duration longest_pause = std::chrono::seconds(1);  // when it takes nothing

http::HeadLimits head_limits(const RelayConfig& config) {
  return {config.settings->limits.header_bytes, config.settings->limits.header_count};
}

}  // namespace

ClientConnection::ClientConnection(Context& context, ClientOwner& owner,
                                   std::unique_ptr<net::Stream> stream, std::size_t listener,
                                   std::string peer, std::unique_ptr<ClientAccess> access,
                                   net::ClientTrust trust)
    : context_(context),
      owner_(owner),
      stream_(std::move(stream)),
      config_(context.config()),
      listener_(listener),
      peer_(std::move(peer)),
      trust_(trust),
      access_(std::move(access)),
      deadline_(Deadline::calling<&ClientConnection::on_deadline>(context.deadlines(), *this)) {
  stream_->set_handler(this);
  context_.metrics().clients_idle().add(1);
  deadline_.set(config_->settings->limits.client_header_timeout);
}

ClientConnection::~ClientConnection() {
  exchange_.reset();
  give_back_codec();
  count_as(Activity::idle);
  context_.metrics().clients_idle().add(-1);
}

void ClientConnection::on_readable() {
  const net::ReadResult result = stream_->read(context_.scratch());
  switch (result.status) {
    case net::IoStatus::would_block:
      return;
    case net::IoStatus::ok:
      return take({context_.scratch().data(), result.bytes});
    case net::IoStatus::end:
    case net::IoStatus::failed:
      return on_client_closed();
  }
}

void ClientConnection::take(std::string_view bytes) {
  if (is_ending()) return;
  if (!unread_.empty()) {
    unread_.append(bytes);
    resume_request();
  } else {
    process(bytes);
    // What comes behind the last answer is read, and kept by nobody.
    if (is_ending()) return;
    unread_.assign(bytes);
  }
  if (unread_.size() >= max_unread) stream_->set_reading(false);
}

bool ClientConnection::is_ending() const {
  return phase_ == Phase::cutting || phase_ == Phase::lingering || phase_ == Phase::closed;
}

bool ClientConnection::may_process() const {
  if (phase_ == Phase::exchanging) return exchange_ != nullptr && exchange_->wants_request_body();
  // Who does not read its answers gets no more of them.
  if (stream_->unsent() > high_water) return false;
  return phase_ == Phase::idle || phase_ == Phase::reading_head || phase_ == Phase::discarding;
}

// One codec event after the other, as far as somebody wants them.
void ClientConnection::process(std::string_view& input) {
  is_processing_ = true;
  while (may_process()) {
    if (phase_ == Phase::idle && input.empty()) break;
    if (!codec_) codec_ = context_.exchanges().take_codec(head_limits(*config_));
    if (phase_ == Phase::idle) begin_head();
    const auto event = codec_->next(input);
    if (!event) {
      on_bad_request(event.error());
      break;
    }
    if (event->kind == Event::Kind::need_input) break;
    step(*event);
  }
  is_processing_ = false;
  if (exchange_) exchange_->on_request_pause();
  if (phase_ == Phase::idle && input.empty()) {
    give_back_codec();
    if (context_.is_draining()) close_in_order();
  }
}

// Between two requests; nothing of the next one has arrived.
void ClientConnection::give_back_codec() {
  if (codec_) context_.exchanges().give_back(std::move(codec_));
}

// Once for each head: bytes that trickle in move the deadline no further.
void ClientConnection::begin_head() {
  phase_ = Phase::reading_head;
  deadline_.set(config_->settings->limits.client_header_timeout);
}

void ClientConnection::step(const Event& event) {
  switch (event.kind) {
    case Event::Kind::head:
      return on_head();
    case Event::Kind::data:
      if (phase_ == Phase::exchanging) exchange_->on_request_data(event.data);
      return;
    case Event::Kind::end:
      if (phase_ == Phase::exchanging) return exchange_->on_request_end();
      if (phase_ == Phase::discarding) return next_request();
      return;
    default:
      return;
  }
}

// A connection outlives reloads: each exchange takes the newest configuration that still has the
// listener.
void ClientConnection::adopt_config() {
  const RelayConfigPtr& newest = context_.config();
  if (newest == config_) return;
  const auto& old = config_->settings->listeners[listener_];
  const auto& listeners = newest->settings->listeners;
  const auto same = std::find_if(listeners.begin(), listeners.end(), [&](const auto& listener) {
    return listener.name == old.name && listener.address == old.address;
  });
  if (same == listeners.end()) {
    codec_->close_after_answer();
    return;
  }
  listener_ = static_cast<std::size_t>(same - listeners.begin());
  config_ = newest;
}

const std::string& ClientConnection::peer() const {
  return access_ && !access_->forwarded_for().empty() ? access_->forwarded_for() : peer_;
}

std::string_view ClientConnection::key_name() const {
  return access_ ? std::string_view(access_->name()) : std::string_view();
}

std::string ClientConnection::client_name() const {
  if (access_ && !access_->name().empty()) return access_->name();
  if (access_ && !access_->forwarded_for().empty()) return access_->forwarded_for();
  return peer_.substr(0, peer_.rfind(':'));
}

const Error* ClientConnection::refusal(const RequestPlan& plan) const {
  if (outdated_) return &*outdated_;
  if (!access_ || (plan.is_preflight && access_->is_bare_preflight())) return nullptr;
  return access_->refusal();
}

void ClientConnection::on_head() {
  phase_ = Phase::awaiting_key;
  deadline_.clear();
  count_as(Activity::active);
  adopt_config();
  // A handshake does not come again: what it did not ask for this connection can't give.
  if (config_->trust_of(listener_) != trust_) {
    outdated_ = Error{ErrorKind::client_denied, "tls of this listener has changed: connect anew"};
    access_.reset();  // what is known of the client is of another request
    codec_->close_after_answer();
    return begin_exchange();
  }
  // After a reload there may be rules that nobody had when this client came.
  if (!access_ && config_->client_policies[listener_]) {
    access_ = std::make_unique<ClientAccess>(peer_, std::nullopt);
  }
  if (!access_) return begin_exchange();
  const auto progress = access_->decide(context_, *config_, listener_, *stream_, codec_->head(),
                                        [this] { on_access_decided(); });
  if (progress == ClientAccess::Progress::pending) return;
  if (access_->ends_connection()) codec_->close_after_answer();
  begin_exchange();
}

void ClientConnection::on_access_decided() {
  if (phase_ != Phase::awaiting_key) return;
  if (access_->ends_connection()) codec_->close_after_answer();
  begin_exchange();
  // What has come of the body in the meantime, or the end of a request without one.
  resume_request();
}

void ClientConnection::begin_exchange() {
  phase_ = Phase::exchanging;
  exchange_ = context_.exchanges().make(context_, *this, *config_, listener_);
  exchange_->begin();
}

void ClientConnection::resume_request() {
  if (is_processing_ || phase_ == Phase::closed) return;
  std::string_view input = unread_;
  process(input);
  unread_.erase(0, unread_.size() - input.size());
  if (unread_.empty()) std::string().swap(unread_);
  if (phase_ != Phase::closed && phase_ != Phase::cutting) {
    stream_->set_reading(unread_.size() < max_unread);
  }
}

bool ClientConnection::can_discard_rest() const {
  const http::BodyFraming body = codec_->head().body;
  if (body.kind == http::Framing::none) return true;
  return body.kind == http::Framing::length && body.length <= max_discarded_body &&
         !codec_->expects_continue();
}

void ClientConnection::on_exchange_complete() {
  context_.loop().destroy_later(std::move(exchange_));
  if (is_broken_) return done();
  if (codec_->wants_close()) return close_in_order();
  if (codec_->is_idle()) {
    next_request();
  } else {
    phase_ = Phase::discarding;
    deadline_.set(config_->settings->limits.client_header_timeout);
  }
  if (!unread_.empty()) resume_request();
}

void ClientConnection::next_request() {
  phase_ = Phase::idle;
  count_as(Activity::idle);
  deadline_.set(config_->settings->limits.client_idle_timeout);
  if (unread_.empty() && !is_processing_) give_back_codec();
  if (context_.is_draining() && unread_.empty() && !is_processing_) drain();
}

void ClientConnection::on_exchange_cut() {
  context_.loop().destroy_later(std::move(exchange_));
  stream_->reset_on_close();
  if (is_broken_) return done();
  phase_ = Phase::cutting;
  stream_->set_reading(false);
  last_unsent_ = std::numeric_limits<std::size_t>::max();
  await_delivery();
}

// A reset says even to clients that count no bytes that the answer is not whole. It also takes away
// what the client has not got yet, and that may be former answers, to requests that it sent at
// once.
void ClientConnection::await_delivery() {
  stream_->push();
  const std::size_t left = stream_->undelivered();
  const auto now = context_.loop().now();
  if (left < last_unsent_) {
    last_unsent_ = left;
    patience_ends_ = now + config_->settings->limits.client_idle_timeout;
  }
  if (left == 0 || now >= patience_ends_) return done();
  const auto idle = std::chrono::ceil<base::Duration>(
      now + config_->settings->limits.client_idle_timeout - patience_ends_);
  deadline_.set(std::clamp(idle, shortest_pause, longest_pause));
}

void ClientConnection::on_bad_request(const Error& error) {
  if (exchange_) return exchange_->on_request_failed(error);
  if (phase_ == Phase::discarding) return close_in_order();
  answer_without_exchange(error);
}

// A head that could not be read, or did not come in time.
void ClientConnection::answer_without_exchange(const Error& error) {
  const RequestId id = context_.next_request_id();
  const ProxyAnswer answer = make_problem_answer(error, id.text());
  codec_->close_after_answer();
  std::string bytes;
  codec_->encode_head(answer.head, bytes);
  for (const std::string_view part : codec_->encode_data(answer.body)) bytes.append(part);
  const std::string_view part = bytes;
  announce_last_write();
  write({&part, 1});
  const std::string& listener = config_->settings->listeners[listener_].name;
  context_.metrics().count_refused(error.kind);
  context_.counters(*config_).count_request(listener_, std::nullopt, answer.head.status, {});
  ops::AccessRecord record;
  record.at = context_.wall_now();
  record.id = id.text();
  record.listener = listener;
  record.client = peer();
  record.status = answer.head.status;
  record.error = base::reason_text(error.kind);
  record.bytes_out = answer.body.size();
  context_.log().access(record);
  close_in_order();
}

void ClientConnection::write(std::span<const std::string_view> parts) {
  if (!is_broken_ && !stream_->write(parts)) note_broken();
}

void ClientConnection::announce_last_write() {
  if (codec_->wants_close()) stream_->announce_end();
}

std::optional<net::ReadResult> ClientConnection::splice(net::Stream& from, std::size_t most) {
  net::Splicer& splicer = context_.splicer();
  stream_->push();
  if (is_broken_ || stream_->unsent() > 0 || !splicer.can_move(from, *stream_)) {
    return std::nullopt;
  }
  const net::Splicer::Moved moved = splicer.move(from, *stream_, most);
  if (!moved.is_taken) note_broken();
  return moved.read;
}

void ClientConnection::note_broken() {
  // Reading brings the end, and with it the exchange's.
  is_broken_ = true;
  stream_->set_reading(true);
}

void ClientConnection::on_drained() {
  if (exchange_) return exchange_->on_client_drained();
  if (phase_ == Phase::lingering) {
    if (has_read_everything_) done();
    return;
  }
  if (phase_ == Phase::cutting) return await_delivery();
  resume_request();
}

void ClientConnection::on_failed(const Error& error) {
  if (error.kind == ErrorKind::upstream_tls) {
    context_.log().write(ops::LogLevel::info, "no TLS with a client",
                         {{"client", peer_}, {"detail", error.detail}});
  }
  on_client_closed();
}

void ClientConnection::on_client_closed() {
  is_broken_ = true;
  if (exchange_) return exchange_->cancel();
  done();
}

void ClientConnection::close_in_order() {
  has_read_everything_ = (!codec_ || codec_->is_idle()) && unread_.empty();
  phase_ = Phase::lingering;
  std::string().swap(unread_);
  if (is_broken_) return done();
  // Closing with unread bytes would reset the connection and take the answer with it: what has been
  // read is not all that there may be.
  stream_->finish_writing();
  if (has_read_everything_ && stream_->unsent() == 0) return done();
  stream_->set_reading(true);
  last_unsent_ = stream_->unsent();
  deadline_.set(last_unsent_ > 0 ? config_->settings->limits.client_idle_timeout : linger_patience);
}

void ClientConnection::on_deadline() {
  const settings::Limits& limits = config_->settings->limits;
  // What came in time may wait for its turn to be read.
  const Phase late = phase_;
  if (late == Phase::idle || late == Phase::reading_head) on_readable();
  if (phase_ != late) return;
  switch (phase_) {
    case Phase::idle:
    case Phase::discarding:
      return close_in_order();
    case Phase::reading_head:
      return answer_without_exchange(
          {ErrorKind::request_timeout, "the head did not arrive in time"});
    case Phase::lingering:
      // A slow reader may go on as long as it reads.
      if (stream_->unsent() > 0 && stream_->unsent() < last_unsent_) {
        last_unsent_ = stream_->unsent();
        return deadline_.set(limits.client_idle_timeout);
      }
      return done();
    case Phase::cutting:
      return await_delivery();
    default:
      return;
  }
}

void ClientConnection::drain() {
  // A request that has arrived already is still served.
  if (phase_ == Phase::idle) on_readable();
  if (phase_ == Phase::idle) close_in_order();
}

void ClientConnection::abort() {
  is_broken_ = true;
  if (exchange_) return exchange_->cancel();
  if (phase_ != Phase::closed) done();
}

void ClientConnection::done() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  deadline_.clear();
  stream_->push();
  // What can't be sent any more was part of an answer: it must not look whole.
  if (stream_->unsent() > 0) stream_->reset_on_close();
  stream_->set_reading(false);
  owner_.on_client_done(*this);
}

void ClientConnection::count_as(Activity activity) {
  if (activity == activity_) return;
  activity_ = activity;
  const double step = activity == Activity::active ? 1 : -1;
  context_.metrics().clients_active().add(step);
  context_.metrics().clients_idle().add(-step);
}

}  // namespace vsaproxy::relay
