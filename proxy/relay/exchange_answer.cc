// The answer's half of an exchange: from the upstream's first byte to the client's last.

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/http/proxy_fields.h"
#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"

namespace vsaproxy::relay {

using base::Error;
using base::ErrorKind;

void Exchange::on_answer_interim(int status) {
  // Only 100 means something to us; the others would pass the rules for answers (RFC 9110, 15.2).
  if (status == 100 && state_ == State::awaiting_continue) on_continue();
}

bool Exchange::is_refused_status(int status) const {
  const auto* credential = credential_settings();
  if (credential == nullptr || !credential->scheme->logs_in) return false;
  const auto& statuses = credential->relogin_on;
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

void Exchange::on_answer_head() {
  upstream_time_ +=
      std::chrono::duration_cast<std::chrono::microseconds>(context_.loop().now() - sent_at_);
  answer_ = std::move(connection_->codec().head());
  if (state_ == State::awaiting_continue) upload_is_stopped_ = true;
  note_progress();
  if (is_refused_status(answer_.status)) return on_session_refused();
  const auto* credential = credential_settings();
  if (credential != nullptr && credential->scheme->session_lost != nullptr &&
      ResponseHold::is_worth_a_look(*credential->scheme, answer_)) {
    enter(State::holding_answer);
    hold_deadline_.set(ResponseHold::patience);
    return;
  }
  forward_head();
}

// The upstream, or a body that it sent, says that the session is gone.
void Exchange::on_session_refused() {
  hold_deadline_.clear();
  const std::uint64_t generation = credential_->generation;
  const bool replay = can_replay();
  if (replayed_) {
    context_.tokens().report_refused_replay(*session_, generation);
    note_replay_outcome(RelayMetrics::ReplayResult::refused);
  }
  unreplayable_use_.reset();
  if (replayed_ ||
      !context_.tokens().report_refused(
          *session_, generation, replay ? tokens::Replayable::yes : tokens::Replayable::no)) {
    return forward_kept_answer();
  }
  enter(State::awaiting_fresh_session);
  upload_is_stopped_ = true;
  deadline_.clear();
  refused_generation_ = generation;
  if (answer_is_whole_) give_back_connection();
  seek_credential();
}

void Exchange::on_answer_data(std::string_view data) {
  if (state_ != State::awaiting_fresh_session) note_progress();
  switch (state_) {
    case State::awaiting_fresh_session:
      return keep_refused_data(data);
    case State::holding_answer:
      if (hold_.keep(data)) return;
      stop_holding();
      is_watching_ = false;
      return forward_data(data);
    case State::relaying_answer:
      if (is_watching_ && !hold_.keep(data)) is_watching_ = false;
      return forward_data(data);
    default:
      return;
  }
}

// More than the hold takes stays in the connection, which stops reading.
void Exchange::keep_refused_data(std::string_view data) {
  held_refused_.append(data);
  if (held_refused_.size() >= ResponseHold::max_bytes) {
    connection_->set_reading(false);
    upstream_is_paused_ = true;
  }
}

void Exchange::on_answer_end() {
  deadline_.clear();
  switch (state_) {
    case State::awaiting_fresh_session:
      answer_is_whole_ = true;
      answer_trailers_ = std::move(connection_->codec().trailers());
      return give_back_connection();
    case State::holding_answer:
      answer_is_whole_ = true;
      if (hold_.says_session_lost(*credential_settings()->scheme, answer_)) {
        held_refused_ = hold_.bytes();
        answer_trailers_ = std::move(connection_->codec().trailers());
        return on_session_refused();
      }
      stop_holding();
      return forward_end();
    case State::relaying_answer:
      return forward_end();
    default:
      return;
  }
}

void Exchange::on_answer_pause() { flush_to_client(); }

// Time or space is up: the client gets what there is, and the look goes on beside.
void Exchange::stop_holding() {
  if (state_ != State::holding_answer) return;
  hold_deadline_.clear();
  is_watching_ = true;
  forward_head();
  if (!hold_.bytes().empty()) forward_data(hold_.bytes());
  flush_to_client();
}

void Exchange::finish_watching() {
  if (!std::exchange(is_watching_, false) || replayed_) return;
  // Too late to withdraw it; but the next request need not find out again.
  if (hold_.says_session_lost(*credential_settings()->scheme, watched_head_)) {
    context_.tokens().report_refused(*session_, credential_->generation, tokens::Replayable::no);
  }
}

// The login succeeded: the answer that asked for it is not needed any more.
void Exchange::drop_refused_answer() {
  if (connection_) give_back_connection();
  answer_ = http::ResponseHead();
  held_refused_.clear();
  hold_.clear();
  answer_is_whole_ = false;
  answer_is_broken_ = false;
  upstream_is_paused_ = false;
}

// It did not, or was not possible: the client gets the upstream's own answer.
void Exchange::forward_kept_answer() {
  const std::string kept = std::move(held_refused_);
  held_refused_.clear();
  if (answer_is_broken_) {
    return answer_with({ErrorKind::upstream_closed, "the upstream closed within its answer"});
  }
  forward_head();
  if (!kept.empty()) forward_data(kept);
  if (answer_is_whole_) return forward_end();
  flush_to_client();
  if (state_ == State::finished) return;
  if (upstream_is_paused_ && client_.unsent() < high_water) {
    upstream_is_paused_ = false;
    connection_->set_reading(true);
  }
  note_progress();
}

void Exchange::forward_head() {
  enter(State::relaying_answer);
  if (replayed_ && !is_refused_status(answer_.status)) {
    note_replay_outcome(RelayMetrics::ReplayResult::accepted);
  }
  // The session was good enough for this request: a login may end it now.
  if (request_ended_) unreplayable_use_.reset();
  const settings::Route& rules = route();
  const auto treatment = [](bool pass) {
    return pass ? http::Treatment::pass : http::Treatment::strip;
  };
  if (is_watching_) watched_head_ = answer_.clone();
  http::prepare_response_fields(answer_, {.cookies = treatment(rules.pass_cookies),
                                          .cors = treatment(rules.pass_cors),
                                          .authenticate = treatment(!session_.has_value())});
  const std::string_view prefix = plan_.is_forward ? std::string_view() : rules.strip_prefix;
  http::rewrite_location(answer_.fields, {.upstream = upstream().origin,
                                          .client_scheme = client_.scheme(),
                                          .client_authority = plan_.client_authority,
                                          .strip_prefix = prefix});
  if (rules.pass_cookies) http::rewrite_cookie_paths(answer_.fields, prefix);
  http::ServerCodec& codec = client_.codec();
  if (context_.is_draining()) codec.close_after_answer();
  if (!request_ended_ && !client_.can_discard_rest()) codec.close_after_answer();
  status_ = answer_.status;
  codec.encode_head(answer_, to_client_);
  head_is_forwarded_ = true;
}

// The slice is written by the next flush, which comes before its bytes go.
void Exchange::forward_data(std::string_view data) {
  if (!data_to_client_.empty() || !tail_to_client_.empty()) flush_to_client();
  if (state_ == State::finished) return;
  const http::EncodedData parts = client_.codec().encode_data(data);
  to_client_.append(parts[0]);
  data_to_client_ = parts[1];
  tail_to_client_.assign(parts[2]);
  bytes_out_ += data.size();
  context_.metrics().bytes_out().add(data.size());
}

void Exchange::forward_end() {
  finish_watching();
  const bool kept = !connection_ || !answer_trailers_.all().empty();
  const http::Fields* trailers = kept ? &answer_trailers_ : &connection_->codec().trailers();
  client_.codec().encode_end(trailers, tail_to_client_);
  flush_to_client();
  if (state_ == State::finished) return;
  finish(Ending::complete);
}

void Exchange::flush_to_client() {
  if (to_client_.empty() && data_to_client_.empty() && tail_to_client_.empty()) return;
  const std::array<std::string_view, 3> parts = {to_client_, data_to_client_, tail_to_client_};
  client_.write(parts);
  to_client_.clear();
  data_to_client_ = {};
  tail_to_client_.clear();
  if (state_ == State::finished || !connection_) return;
  last_unsent_ = unsent();
  if (client_.unsent() > high_water && !upstream_is_paused_) {
    connection_->set_reading(false);
    upstream_is_paused_ = true;
  }
}

void Exchange::on_client_drained() {
  if (state_ != State::relaying_answer || !connection_) return;
  note_progress();
  if (std::exchange(upstream_is_paused_, false)) connection_->set_reading(true);
}

void Exchange::on_upstream_failed(const Error& error) {
  if (state_ == State::awaiting_fresh_session) {
    answer_is_broken_ = true;
    return give_back_connection();
  }
  flush_to_client();
  if (state_ == State::finished) return;
  if (head_is_forwarded_) return cut_short(error);
  if (retry_on_new_connection()) return;
  answer_with(error);
}

// The first thing known of it counts.
void Exchange::note_replay_outcome(RelayMetrics::ReplayResult result) {
  if (std::exchange(replay_is_counted_, true)) return;
  context_.metrics().count_replay(upstream().name, result);
}

}  // namespace vsaproxy::relay
