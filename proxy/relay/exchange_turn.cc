// The part of an exchange for upstreams with limits: it begins when its turn has come.

#include <utility>

#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"

namespace vsaproxy::relay {

void Exchange::seek_turn() {
  RequestGate* gate = config_.gates[buffers_.plan.upstream].get();
  // A replay is part of the request that it repeats.
  if (gate == nullptr || slot_) return seek_connection(UpstreamPool::Freshness::any);
  slot_ = gate->take(context_.loop());
  if (slot_) return seek_connection(UpstreamPool::Freshness::any);
  auto wait = gate->wait({context_.loop(), client_.client_name(),
                          context_.metrics().waiting_requests(upstream().name)},
                         *this);
  if (!wait) return answer_with(wait.error());
  enter(State::awaiting_turn);
  turn_wait_ = std::move(*wait);
  deadline_.set(upstream().timeouts.response_header);
}

// The session may have ended in the meantime.
void Exchange::on_turn(base::Result<RequestGate::Slot> outcome) {
  turn_wait_.reset();
  if (!outcome) return answer_with(outcome.error());
  slot_ = std::move(*outcome);
  deadline_.clear();
  seek_credential();
}

}  // namespace vsaproxy::relay
