// The part of an exchange that holds a body's beginning back: it takes a turn at the upstream and a
// connection only once the body is whole, or has shown that it comes. Clients that send slowly
// would keep all of them from the others.

#include <algorithm>

#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"

namespace vsaproxy::relay {

// A client that asks by Expect is invited at once, but for what the upstream itself is asked.
bool Exchange::holds_back_body() const { return invited_body_ || !asks_upstream_first(); }

// It is known what the request is. A body that was gathered as a whole is not held back again.
void Exchange::hold_back_or_go_on() {
  const bool has_body = request().body.kind != http::Framing::none && !buffers_.edit.has_body();
  if (has_body && holds_back_body()) return begin_holding_back();
  seek_credential();
}

// So much could be replayed.
std::size_t Exchange::most_held_back() const {
  return std::min(high_water, upstream().replay.max_body);
}

void Exchange::begin_holding_back() {
  const http::BodyFraming& body = request().body;
  const bool will_be_whole = body.kind == http::Framing::length && body.length <= most_held_back();
  if (!will_be_whole) hold_deadline_.set(hold_back_patience);
  begin_gathering();
}

void Exchange::hold_back(std::string_view data) {
  std::string& body = buffers_.held_body;
  const http::BodyFraming& framing = request().body;
  const bool is_whole =
      framing.kind == http::Framing::length && body.empty() && data.size() == framing.length;
  if (is_whole || data.size() > most_held_back() - body.size()) return stop_holding_back(data);
  body.append(data);
}

// The client may send the rest only once it has seen an answer's beginning. So it goes on, unless
// those like it would then take more than half of all there is.
void Exchange::on_held_back_long() {
  if (!leaves_room()) return hold_deadline_.set(hold_back_patience);
  is_trickling_ = true;
  stop_holding_back({});
}

bool Exchange::leaves_room() {
  if (!context_.pool(config_, buffers_.plan.upstream).is_half_free()) return false;
  RequestGate* gate = config_.gates[buffers_.plan.upstream].get();
  if (gate == nullptr || slot_) return true;
  slot_ = gate->take_if_half_free(context_.loop());
  return static_cast<bool>(slot_);
}

// There was room before the wait for a login, for more of its like than can have it now.
bool Exchange::must_hold_back_again() {
  if (!is_trickling_ || request_ended_ || state_ != State::awaiting_credential) return false;
  if (buffers_.held_body.size() >= most_held_back() || leaves_room()) return false;
  is_trickling_ = false;
  slot_.release();
  return true;
}

// What comes now is sent from where it is, if it may be sent now.
void Exchange::stop_holding_back(std::string_view data) {
  deadline_.clear();
  hold_deadline_.clear();
  enter(State::beginning);
  seek_credential();
  if (state_ != State::finished) pass_on(data);
}

// Its length is known now; only chunks can be followed by trailers.
void Exchange::on_whole_body() {
  deadline_.clear();
  hold_deadline_.clear();
  http::BodyFraming& framing = request().body;
  if (framing.kind == http::Framing::chunked && client_.codec().trailers().all().empty()) {
    framing = {http::Framing::length, buffers_.held_body.size()};
  }
  seek_credential();
}

}  // namespace vsaproxy::relay
