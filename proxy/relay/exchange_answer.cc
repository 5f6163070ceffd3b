// The answer's half of an exchange: from the upstream's first byte to the client's last.

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/http/proxy_fields.h"
#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"
#include "proxy/relay/problem_answer.h"

namespace vsaproxy::relay {

using base::Error;
using base::ErrorKind;

void Exchange::on_answer_interim(int status) {
  // Only 100 means something to us; the others would pass the rules for answers (RFC 9110, 15.2).
  if (status == 100 && state_ == State::awaiting_continue) on_continue();
}

bool Exchange::is_refused_status(int status) const {
  const auto* credential = credential_settings();
  if (credential == nullptr || !credential->logs_in) return false;
  const auto& statuses = credential->relogin_on;
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

void Exchange::on_answer_head() {
  upstream_time_ +=
      std::chrono::duration_cast<std::chrono::microseconds>(context_.loop().now() - sent_at_);
  std::swap(buffers_.answer, connection_->codec().head());
  if (state_ == State::awaiting_continue) upload_is_stopped_ = true;
  note_progress();
  if (is_refused_status(buffers_.answer.status)) return on_session_refused();
  if (buffers_.edit.is_begun() && begin_answer_edit()) return enter(State::editing_answer);
  const auto* credential = credential_settings();
  if (credential != nullptr && credential->scheme->session_lost != nullptr &&
      buffers_.hold.begin(*credential->scheme, buffers_.answer)) {
    return enter(State::holding_answer);
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
  // A fresh session may be there at once: the rest of the answer, if it has come, is read first, so
  // that its connection can be used again.
  if (!answer_is_whole_) {
    replay_is_due_ = true;
    return;
  }
  give_back_connection();
  seek_credential();
}

void Exchange::begin_due_replay() {
  if (std::exchange(replay_is_due_, false)) seek_credential();
}

void Exchange::on_answer_data(std::string_view data) {
  if (state_ != State::awaiting_fresh_session) note_progress();
  switch (state_) {
    case State::awaiting_fresh_session:
      return keep_refused_data(data);
    case State::holding_answer:
      if (buffers_.hold.keep(data)) return;
      stop_holding();
      is_watching_ = false;
      return forward_data(data);
    case State::editing_answer:
      if (buffers_.edit.add_to_answer(data)) return;
      return give_up_answer_edit(data);
    case State::relaying_answer:
      if (is_watching_ && !buffers_.hold.keep(data)) is_watching_ = false;
      return forward_data(data);
    default:
      return;
  }
}

// More than the hold takes stays in the connection, which stops reading.
void Exchange::keep_refused_data(std::string_view data) {
  buffers_.held_refused.append(data);
  if (buffers_.held_refused.size() >= ResponseHold::max_bytes) {
    connection_->set_reading(false);
    upstream_is_paused_ = true;
  }
}

void Exchange::on_answer_end() {
  deadline_.clear();
  switch (state_) {
    case State::awaiting_fresh_session:
      answer_is_whole_ = true;
      buffers_.answer_trailers = std::move(connection_->codec().trailers());
      give_back_connection();
      return begin_due_replay();
    case State::holding_answer:
      answer_is_whole_ = true;
      if (buffers_.hold.says_session_lost(*credential_settings()->scheme)) {
        buffers_.held_refused = buffers_.hold.bytes();
        buffers_.answer_trailers = std::move(connection_->codec().trailers());
        return on_session_refused();
      }
      release_held(Watching::over);
      return forward_end();
    case State::editing_answer:
      return begin_edited_answer();
    case State::relaying_answer:
      return forward_end();
    default:
      return;
  }
}

void Exchange::on_answer_pause() {
  if (replay_is_due_) return begin_due_replay();
  if (state_ == State::holding_answer && !hold_deadline_.is_set()) {
    hold_deadline_.set(ResponseHold::patience);
  }
  flush_to_client();
}

void Exchange::on_hold_deadline() {
  state_ == State::gathering_body ? on_held_back_long() : stop_holding();
}

// Time or space is up: the client gets what there is, and the look goes on beside.
void Exchange::stop_holding() {
  if (state_ != State::holding_answer) return;
  release_held(Watching::goes_on);
  flush_to_client();
}

void Exchange::release_held(Watching watching) {
  hold_deadline_.clear();
  is_watching_ = watching == Watching::goes_on;
  forward_head();
  if (!buffers_.hold.bytes().empty()) forward_data(buffers_.hold.bytes());
}

void Exchange::finish_watching() {
  if (!std::exchange(is_watching_, false) || replayed_) return;
  // Too late to withdraw it; but the next request need not find out again.
  if (buffers_.hold.says_session_lost(*credential_settings()->scheme)) {
    context_.tokens().report_refused(*session_, credential_->generation, tokens::Replayable::no);
  }
}

// The login succeeded: the answer that asked for it is not needed any more.
void Exchange::drop_refused_answer() {
  if (connection_) give_back_connection();
  buffers_.answer = http::ResponseHead();
  buffers_.answer_trailers.clear();
  buffers_.held_refused.clear();
  buffers_.hold.clear();
  answer_is_whole_ = false;
  answer_is_broken_ = false;
  upstream_is_paused_ = false;
}

// It did not, or was not possible: the client gets the upstream's own answer.
void Exchange::forward_kept_answer() {
  const std::string kept = std::move(buffers_.held_refused);
  buffers_.held_refused.clear();
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

// What stands before the upstream's paths as the client sees them.
std::string_view Exchange::client_prefix() const {
  return buffers_.plan.is_forward ? std::string_view() : route().strip_prefix;
}

void Exchange::forward_head() {
  enter(State::relaying_answer);
  if (replayed_ && !is_refused_status(buffers_.answer.status)) {
    note_replay_outcome(RelayMetrics::ReplayResult::accepted);
  }
  // The session was good enough for this request: a login may end it now.
  if (request_ended_) unreplayable_use_.reset();
  const settings::Route& rules = route();
  const auto treatment = [](bool pass) {
    return pass ? http::Treatment::pass : http::Treatment::strip;
  };
  http::prepare_response_fields(buffers_.answer,
                                {.cookies = treatment(rules.pass_cookies),
                                 .cors = treatment(rules.pass_cors),
                                 .authenticate = treatment(!session_.has_value())});
  if (session_ && buffers_.edit.is_begun()) {
    buffers_.edit.clean_locations(buffers_.answer.fields, token());
  }
  const std::string_view prefix = client_prefix();
  http::rewrite_location(buffers_.answer.fields,
                         {.upstream = upstream().origin,
                          .client_scheme = client_.scheme(),
                          .client_authority = buffers_.plan.client_authority,
                          .strip_prefix = prefix});
  if (!buffers_.plan.page_origin.empty()) {
    add_page_fields(buffers_.plan.page_origin, buffers_.answer.fields);
  }
  if (rules.pass_cookies) http::rewrite_cookie_paths(buffers_.answer.fields, prefix);
  http::ServerCodec& codec = client_.codec();
  if (context_.is_draining()) codec.close_after_answer();
  if (!request_ended_ && !client_.can_discard_rest()) codec.close_after_answer();
  status_ = buffers_.answer.status;
  codec.encode_head(buffers_.answer, buffers_.to_client);
  head_is_forwarded_ = true;
}

// The slice is written by the next flush, which comes before its bytes go.
void Exchange::forward_data(std::string_view data) {
  if (!data_to_client_.empty() || !buffers_.tail_to_client.empty()) flush_to_client();
  if (state_ == State::finished) return;
  const http::EncodedData parts = client_.codec().encode_data(data);
  buffers_.to_client.append(parts[0]);
  data_to_client_ = parts[1];
  buffers_.tail_to_client.assign(parts[2]);
  count_sent(data.size());
}

void Exchange::count_sent(std::size_t bytes) {
  bytes_out_ += bytes;
  context_.metrics().bytes_out().add(bytes);
}

std::optional<net::ReadResult> Exchange::on_answer_spliceable(net::Stream& from, std::size_t most) {
  if (state_ != State::relaying_answer || is_watching_ || !client_.codec().writes_plain()) {
    return std::nullopt;
  }
  flush_to_client();
  const auto spliced = client_.splice(from, most);
  if (spliced && spliced->status == net::IoStatus::ok) {
    note_progress();
    count_sent(spliced->bytes);
    heed_client();
  }
  return spliced;
}

void Exchange::forward_end() {
  finish_watching();
  const bool kept = !connection_ || !buffers_.answer_trailers.all().empty();
  const http::Fields* trailers =
      kept ? &buffers_.answer_trailers : &connection_->codec().trailers();
  client_.codec().encode_end(trailers, buffers_.tail_to_client);
  client_.announce_last_write();
  flush_to_client();
  if (state_ == State::finished) return;
  finish(Ending::complete);
}

void Exchange::flush_to_client() {
  if (buffers_.to_client.empty() && data_to_client_.empty() && buffers_.tail_to_client.empty())
    return;
  const std::array<std::string_view, 3> parts = {buffers_.to_client, data_to_client_,
                                                 buffers_.tail_to_client};
  client_.write(parts);
  buffers_.to_client.clear();
  data_to_client_ = {};
  buffers_.tail_to_client.clear();
  if (state_ == State::finished || !connection_) return;
  heed_client();
}

// One that does not take all that it was sent makes the upstream wait.
void Exchange::heed_client() {
  last_unsent_ = unsent();
  if (client_.unsent() > high_water && !upstream_is_paused_) {
    connection_->set_reading(false);
    upstream_is_paused_ = true;
  }
}

void Exchange::on_client_drained() {
  if (buffers_.edit.answer_pieces().has_more()) return send_edited_answer();
  if (state_ != State::relaying_answer || !connection_) return;
  note_progress();
  if (std::exchange(upstream_is_paused_, false)) connection_->set_reading(true);
}

void Exchange::on_upstream_failed(const Error& error) {
  if (state_ == State::awaiting_fresh_session) {
    answer_is_broken_ = true;
    give_back_connection();
    return begin_due_replay();
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
