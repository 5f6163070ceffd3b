#include "proxy/relay/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/http/proxy_fields.h"
#include "proxy/relay/client_connection.h"
#include "proxy/tokens/session.h"

namespace vsaproxy::relay {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

std::chrono::microseconds micros(base::Time from, base::Time to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

// RFC 9110, 9.2.2: trying again changes nothing.
bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 5> methods = {"GET", "HEAD", "OPTIONS", "PUT",
                                                              "DELETE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

}  // namespace

Exchange::Exchange(Context& context, ClientConnection& client, const RelayConfig& config,
                   std::size_t listener, ExchangeBuffers& buffers)
    : context_(context),
      client_(client),
      config_(config),
      listener_(listener),
      buffers_(buffers),
      id_(context.next_request_id()),
      deadline_(Deadline::calling<&Exchange::on_deadline>(context.deadlines(), *this)),
      hold_deadline_(Deadline::calling<&Exchange::on_hold_deadline>(context.deadlines(), *this)),
      began_(context.loop().now()) {}

Exchange::~Exchange() {
  if (connection_) drop_connection();
}

http::RequestHead& Exchange::request() { return client_.codec().head(); }

void Exchange::begin() {
  auto planned = plan_request(config_, listener_, request(), buffers_.plan);
  if (const Error* refusal = client_.refusal(buffers_.plan)) return answer_with(*refusal);
  if (!planned) return answer_with(planned.error());
  is_planned_ = true;
  if (buffers_.plan.is_preflight) return answer_preflight();
  if (!buffers_.plan.observed.empty()) note_observed();
  if (!buffers_.plan.passes_login) session_ = config_.sessions[buffers_.plan.upstream];
  if (!client_.codec().expects_continue()) invited_body_ = true;
  const auth::LoginPath* call = buffers_.plan.login;
  if (call != nullptr && call->call == auth::LoginCall::logout) return answer_login(nullptr);
  const auth::MessageEditor* editor =
      session_ && call == nullptr ? config_.editors[buffers_.plan.upstream].get() : nullptr;
  if (editor != nullptr) return begin_edit(*editor);
  prepare_request(session_ ? http::Treatment::strip : http::Treatment::pass);
  if (call != nullptr) return gather_login();
  hold_back_or_go_on();
}

void Exchange::note_observed() {
  const RequestPlan& plan = buffers_.plan;
  if (!context_.counters(config_).count_observed(plan.route, context_.loop().now())) return;
  context_.log().write(ops::LogLevel::warning, "route rules would refuse this request",
                       {{"id", id_.text()},
                        {"client", client_.peer()},
                        {"method", request().method},
                        {"path", plan.path.sent},
                        {"detail", plan.observed}});
}

void Exchange::prepare_request(http::Treatment authorization) {
  prepare_upstream_head(config_, buffers_.plan, authorization, request());
}

bool Exchange::method_is_replayable() const {
  const settings::Replay& replay = upstream().replay;
  return replay.all_methods || covers(replay, client_.codec().head().method);
}

bool Exchange::can_replay() const {
  return !replayed_ && method_is_replayable() && held_is_complete_;
}

// Before the request is sent: will it be possible, should the session be refused?
tokens::Replayable Exchange::replayable() const {
  if (replayed_ || !method_is_replayable()) return tokens::Replayable::no;
  const http::BodyFraming& body = client_.codec().head().body;
  if (body.kind == http::Framing::none) return tokens::Replayable::yes;
  const settings::Replay& replay = upstream().replay;
  const bool body_fits = (body.kind == http::Framing::length && body.length <= replay.max_body) ||
                         (request_ended_ && held_is_complete_) || replay.expect_continue;
  return body_fits ? tokens::Replayable::yes : tokens::Replayable::no;
}

void Exchange::seek_credential() {
  if (!session_) return seek_turn();
  // A replay can't be repeated: it keeps clear of a login that would end its session.
  const bool is_replay = state_ == State::awaiting_fresh_session;
  const tokens::Need need{*session_, is_replay ? tokens::Replayable::no : replayable(),
                          refused_generation_};
  base::Duration patience = credential_settings()->login_timeout;
  // It may have to wait until others like it are answered, and then for the login.
  if (need.replayable == tokens::Replayable::no && !is_replay) {
    patience += tokens::Session::renewal_patience;
  }
  auto credential = context_.tokens().get(need, patience);
  if (!credential) return on_no_credential(credential.error());
  if (*credential) return use_credential(std::move(*credential));
  if (state_ != State::awaiting_fresh_session) enter(State::awaiting_credential);
  wait_began_ = context_.loop().now();
  credential_wait_ = context_.tokens().wait_for(need, patience, *this);
}

void Exchange::on_credential(Result<tokens::CredentialPtr> outcome) {
  login_wait_ += micros(wait_began_, context_.loop().now());
  context_.loop().destroy_later(std::move(credential_wait_));
  if (!outcome) return on_no_credential(outcome.error());
  if (must_hold_back_again()) return begin_holding_back();
  use_credential(std::move(*outcome));
}

void Exchange::on_no_credential(const Error& error) {
  if (state_ == State::awaiting_fresh_session) {
    note_replay_outcome(RelayMetrics::ReplayResult::failed);
    return forward_kept_answer();
  }
  buffers_.plan.login != nullptr ? answer_login(&error) : answer_with(error);
}

void Exchange::use_credential(tokens::CredentialPtr credential) {
  credential_ = std::move(credential);
  if (buffers_.plan.login != nullptr) return answer_login(nullptr);
  if (state_ == State::awaiting_fresh_session) {
    drop_refused_answer();
    replayed_ = true;
  }
  seek_turn();
}

void Exchange::seek_connection(UpstreamPool::Freshness freshness) {
  if (session_ && !unreplayable_use_ && replayable() == tokens::Replayable::no) {
    unreplayable_use_ = context_.tokens().begin_unreplayable(*session_);
  }
  enter(State::awaiting_connection);
  UpstreamPool& pool = context_.pool(config_, buffers_.plan.upstream);
  if (freshness == UpstreamPool::Freshness::any) {
    if (ConnectionPtr idle = pool.take_idle()) return use_connection(std::move(idle));
  }
  deadline_.set(upstream().timeouts.response_header);
  connection_wait_ = pool.acquire(freshness, *this);
}

void Exchange::on_connection(Result<ConnectionPtr> outcome) {
  context_.loop().destroy_later(std::move(connection_wait_));
  if (!outcome) return answer_with(outcome.error());
  use_connection(std::move(*outcome));
}

void Exchange::use_connection(ConnectionPtr connection) {
  connection_ = std::move(connection);
  // The wait for a connection may have outlived the credential.
  if (session_ && credential_->is_expired(context_.loop().now())) {
    give_back_connection();
    unreplayable_use_.reset();
    return seek_credential();
  }
  send_request();
}

void Exchange::send_request() {
  http::RequestHead& head = request();
  upload_is_stopped_ = false;
  connection_->begin(*this, head.method);
  connection_was_reused_ = connection_->is_reused();
  const bool asks_first = head.body.kind != http::Framing::none && asks_upstream_first();
  head.fields.remove("Expect");
  if (asks_first) head.fields.set("Expect", "100-continue");
  // The last edit before the bytes leave.
  if (credential_) credential_->apply(head.fields);
  if (buffers_.edit.is_begun()) {
    encode_edited_head();
  } else {
    connection_->codec().encode_head(head, buffers_.to_upstream);
  }
  sent_at_ = context_.loop().now();
  if (asks_first) {
    enter(State::awaiting_continue);
    flush_to_upstream();
    deadline_.set(continue_patience);
    return;
  }
  send_held_body();
}

void Exchange::send_held_body() {
  enter(State::awaiting_answer);
  if (buffers_.edit.has_body()) return begin_edited_body();
  if (request_ended_) {
    connection_->codec().encode_end(&client_.codec().trailers(), buffers_.tail_to_upstream);
  }
  // What the client has sent along with the head leaves together with it.
  if (!buffers_.held_body.empty() || !client_.is_processing()) {
    flush_to_upstream(buffers_.held_body);
  }
  keep_sent_body({});
  await_answer();
  invite_body();
}

void Exchange::on_continue() {
  // From here on it can't be taken back.
  if (session_ && !request_ended_ && !unreplayable_use_) {
    unreplayable_use_ = context_.tokens().begin_unreplayable(*session_);
  }
  send_held_body();
}

// Wipes the head: it may hold the credential.
void Exchange::flush_to_upstream(std::string_view data) {
  std::string& head = buffers_.to_upstream;
  std::string& tail = buffers_.tail_to_upstream;
  if (!connection_ || (head.empty() && data.empty() && tail.empty())) return;
  const http::EncodedData body = connection_->codec().encode_data(data);
  const std::array<std::string_view, 5> parts = {head, body[0], body[1], body[2], tail};
  connection_->write(parts);
  base::wipe(head);
  tail.clear();
}

// By Expect, whether it wants the body, which could not be sent again.
bool Exchange::asks_upstream_first() const {
  const settings::Replay& replay = upstream().replay;
  const http::BodyFraming& body = client_.codec().head().body;
  return replay.expect_continue && !request_ended_ &&
         !(body.kind == http::Framing::length && body.length <= replay.max_body);
}

// A refusal of the session, or the end of a reused connection, may ask for it once more.
bool Exchange::must_keep_sent_body() const {
  const auto* credential = credential_settings();
  const bool logs_in = credential != nullptr && credential->logs_in;
  return (logs_in && method_is_replayable()) ||
         (connection_was_reused_ && is_idempotent(client_.codec().head().method));
}

// Sent bytes are kept for a replay only, and more than replay.max_body of them not at all.
void Exchange::keep_sent_body(std::string_view data) {
  std::string& held = buffers_.held_body;
  if (!held_is_complete_ || (held.empty() && data.empty())) return;
  const std::size_t most = upstream().replay.max_body;
  if (must_keep_sent_body() && held.size() + data.size() <= most) {
    const http::BodyFraming& body = client_.codec().head().body;
    if (body.kind == http::Framing::length) held.reserve(std::min<std::size_t>(body.length, most));
    held.append(data);
    return;
  }
  held_is_complete_ = false;
  buffers_.drop_held_body();
}

// RFC 9110, 10.1.1: the body has somewhere to go now.
void Exchange::invite_body() {
  if (!std::exchange(invited_body_, true)) {
    http::ResponseHead head;
    head.status = 100;
    head.reason = "Continue";
    std::string bytes;
    client_.codec().encode_head(head, bytes);
    const std::string_view part = bytes;
    client_.write({&part, 1});
  }
  if (!request_ended_) client_.resume_request();
}

// Body bytes go to the upstream as they come.
bool Exchange::is_sending() const {
  return connection_ && !upload_is_stopped_ &&
         (state_ == State::awaiting_answer || state_ == State::holding_answer ||
          state_ == State::editing_answer || state_ == State::relaying_answer);
}

bool Exchange::wants_request_body() const {
  if (request_ended_ || state_ == State::finished) return false;
  if (is_sending()) return connection_->unsent() < high_water;
  if (state_ == State::gathering_body) return true;
  if (state_ == State::relaying_answer) return true;  // nobody wants it: read and dropped
  return invited_body_ && buffers_.held_body.size() < upstream().replay.max_body;
}

void Exchange::on_request_data(std::string_view data) {
  bytes_in_ += data.size();
  context_.metrics().bytes_in().add(data.size());
  const auto& limit = settings().limits.request_body;
  if (limit && bytes_in_ > *limit) {
    return on_request_failed({ErrorKind::body_too_large, "the body is over limits.request_body"});
  }
  if (state_ == State::gathering_body) return keep_gathered(data);
  pass_on(data);
}

void Exchange::pass_on(std::string_view data) {
  if (!is_sending()) {
    if (state_ != State::relaying_answer) buffers_.held_body.append(data);
    return;
  }
  keep_sent_body(data);
  flush_to_upstream(data);
  note_progress();
}

void Exchange::on_request_end() {
  request_ended_ = true;
  if (state_ == State::gathering_body) return on_gathered();
  // Of unknown length at first, it turned out to be short enough for a replay.
  if (!replayed_ && held_is_complete_ && method_is_replayable()) unreplayable_use_.reset();
  if (!is_sending()) return;
  connection_->codec().encode_end(&client_.codec().trailers(), buffers_.tail_to_upstream);
  flush_to_upstream();
  if (state_ == State::awaiting_answer) await_answer();
}

void Exchange::on_upstream_drained() {
  if (is_sending() && buffers_.edit.body_pieces().has_more()) return send_edited_body();
  if (state_ == State::awaiting_answer) await_answer();
  if (!request_ended_) client_.resume_request();
}

// The time for the answer's head begins with the request's last byte.
void Exchange::await_answer() {
  deadline_.set(request_ended_ ? upstream().timeouts.response_header : upstream().timeouts.idle);
  last_unsent_ = unsent();
}

// Bytes moved: the next idle time begins.
void Exchange::note_progress() {
  deadline_.set(upstream().timeouts.idle);
  last_unsent_ = unsent();
}

std::size_t Exchange::unsent() const {
  return client_.unsent() + (connection_ ? connection_->unsent() : 0);
}

void Exchange::on_request_failed(const Error& error) {
  request_ended_ = false;
  client_.codec().close_after_answer();
  head_is_forwarded_ ? cut_short(error) : answer_with(error);
}

bool Exchange::retry_on_new_connection() {
  const bool is_stale = connection_was_reused_ && !connection_->codec().saw_any_byte();
  if (!is_stale || retried_ || !held_is_complete_ || !is_idempotent(request().method)) return false;
  retried_ = true;
  drop_connection();
  seek_connection(UpstreamPool::Freshness::fresh_only);
  return true;
}

void Exchange::on_deadline() {
  const bool is_moving = is_sending() || state_ == State::relaying_answer;
  // Slow, but alive: a receiver took some of what is kept for it.
  if (is_moving && unsent() > 0 && unsent() < last_unsent_) return note_progress();
  switch (state_) {
    case State::awaiting_continue:
      return on_continue();
    case State::gathering_body:
      return on_slow_body();
    case State::awaiting_turn:
      return answer_with(
          {ErrorKind::overloaded, "the limits of the upstream left no turn in time"});
    case State::awaiting_connection:
      return answer_with({ErrorKind::overloaded, "no connection to the upstream became free"});
    case State::awaiting_answer:
      if (!request_ended_ && connection_->unsent() == 0) return on_slow_body();
      return answer_with({ErrorKind::upstream_timeout, "the upstream did not answer in time"});
    case State::holding_answer:
    case State::editing_answer:
      return answer_with({ErrorKind::upstream_timeout, "the upstream stopped within its answer"});
    case State::relaying_answer:
      return cut_short({ErrorKind::upstream_timeout, "no byte moved in time"});
    default:
      return;
  }
}

void Exchange::on_slow_body() {
  client_.codec().close_after_answer();
  answer_with({ErrorKind::request_timeout, "the body did not arrive in time"});
}

void Exchange::cut_short(const Error& error) {
  error_ = base::reason_text(error.kind);
  finish(Ending::cut);
}

void Exchange::cancel() {
  if (state_ == State::finished) return;
  error_ = base::reason_text(ErrorKind::client_gone);
  if (!head_is_forwarded_) status_ = 0;
  finish(Ending::cut);
}

void Exchange::give_back_connection() {
  context_.pool(config_, buffers_.plan.upstream).release(std::move(connection_));
}

void Exchange::drop_connection() {
  // What is under way on it makes it unfit, so that the pool closes it.
  give_back_connection();
}

void Exchange::finish(Ending ending) {
  enter(State::finished);
  deadline_.clear();
  hold_deadline_.clear();
  credential_wait_.reset();
  turn_wait_.reset();
  connection_wait_.reset();
  unreplayable_use_.reset();
  if (connection_) give_back_connection();
  slot_.release();
  note_end();
  if (ending == Ending::complete) {
    client_.on_exchange_complete();
  } else {
    client_.on_exchange_cut();
  }
}

void Exchange::note_end() {
  const auto total = micros(began_, context_.loop().now());
  RequestCounters& counters = context_.counters(config_);
  counters.count_request(listener_, is_planned_ ? std::optional(buffers_.plan.route) : std::nullopt,
                         status_, total);
  if (is_planned_ && upstream_time_.count() > 0) {
    counters.count_upstream(buffers_.plan.upstream, upstream_time_);
  }
  if (context_.log().wants_access()) log_access(total);
}

void Exchange::log_access(std::chrono::microseconds total) {
  const http::RequestHead& head = client_.codec().head();
  const auto target = is_planned_ ? std::string_view(buffers_.plan.target) : head.target;
  const auto question = target.find('?');
  const bool has_query = question != std::string_view::npos;
  ops::AccessRecord record;
  record.at = context_.wall_now() - total;
  record.id = id_.text();
  record.listener = settings().listeners[listener_].name;
  record.client = client_.peer();
  record.key = client_.key_name();
  record.method = head.method;
  record.path =
      is_planned_ ? std::string_view(buffers_.plan.path.sent) : target.substr(0, question);
  if (has_query) record.query = target.substr(question + 1);
  if (is_planned_) {
    record.route = route().name;
    record.upstream = upstream().name;
  }
  record.status = status_;
  record.error = error_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.total = total;
  record.upstream_time = upstream_time_;
  record.login_wait = login_wait_;
  record.replayed = replayed_;
  record.reused = connection_was_reused_;
  if (credential_) record.session = credential_->fingerprint;
  context_.log().access(record);
}

}  // namespace vsaproxy::relay
