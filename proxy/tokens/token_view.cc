#include "proxy/tokens/token_view.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vsaproxy::tokens {
namespace {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Result;
using base::Time;

Duration until(Time now, Time then) {
  return std::max(std::chrono::duration_cast<Duration>(then - now), Duration::zero());
}

}  // namespace

TokenView::~TokenView() {
  for (auto& [id, session] : sessions_) {
    while (!session.waits.empty()) session.waits.front()->detach();
  }
}

std::optional<Error> TokenView::block_for(const Session& session, const Need& need, Time deadline) {
  const SessionUpdate& state = session.state;
  if (need.newer_than != 0 && state.hold == 0 && state.acquitted &&
      state.credential->generation == need.newer_than) {
    return Error{ErrorKind::login_unavailable, "the session is good: the path refuses it"};
  }
  const auto& block = state.block;
  if (!block || loop_.now() >= block->until) return std::nullopt;
  // A refused request has an answer already; any other waits if a try comes in time.
  const bool is_worth_waiting = need.newer_than == 0 && !block->needs_repair;
  if (is_worth_waiting && block->until <= deadline) return std::nullopt;
  Error error = block->error;
  error.retry_after = until(loop_.now(), block->until);
  return error;
}

Result<CredentialPtr> TokenView::get(const Need& need, Duration patience) {
  return get_until(need, loop_.now() + patience);
}

Result<CredentialPtr> TokenView::get_until(const Need& need, Time deadline) {
  Session& known = session(need.session);
  const CredentialPtr& credential = known.state.credential;
  if (credential && credential->generation > need.newer_than &&
      !credential->is_expired(loop_.now())) {
    if (is_kept_back(known, need)) return CredentialPtr();
    if (known.used_generation != credential->generation) {
      known.used_generation = credential->generation;
      reports_.used(need.session, credential->generation);
    }
    return credential;
  }
  if (auto error = block_for(known, need, deadline)) return base::fail(std::move(*error));
  // While a login is blocked the manager tries by itself, when the time has come.
  const bool is_blocked = known.state.block && loop_.now() < known.state.block->until;
  if (!is_blocked && !std::exchange(known.asked, true)) {
    if (need.newer_than == 0) {
      reports_.need(need.session, credential ? credential->generation : 0);
    } else {
      reports_.refused(need.session, need.newer_than);
    }
  }
  return CredentialPtr();
}

bool TokenView::is_kept_back(const Session& known, const Need& need) const {
  return need.replayable == Replayable::no &&
         (known.state.hold != 0 ||
          known.suspected_generation == known.state.credential->generation);
}

std::unique_ptr<TokenView::Wait> TokenView::wait_for(const Need& need, Duration patience,
                                                     CredentialWaiter& waiter) {
  return std::make_unique<Wait>(*this, need, patience, waiter);
}

std::unique_ptr<TokenView::Use> TokenView::begin_unreplayable(SessionId session) {
  return std::make_unique<Use>(*this, session);
}

bool TokenView::report_refused(SessionId id, std::uint64_t generation, Replayable replayable) {
  Session& known = session(id);
  const bool is_current =
      known.state.credential && known.state.credential->generation == generation;
  // While a login is ending the session, a refusal says nothing about the path.
  const bool is_ending = known.state.hold != 0;
  const bool is_blocked = known.state.block && loop_.now() < known.state.block->until;
  if (is_current && !known.state.acquitted && !is_blocked) known.suspected_generation = generation;
  if (is_current && is_ending && replayable == Replayable::yes) return true;
  if (is_current && (known.state.acquitted || replayable == Replayable::no)) {
    reports_.suspect(id, generation);
    return false;
  }
  if (replayable == Replayable::no) return false;
  if (is_current && std::exchange(known.reported_generation, generation) != generation) {
    reports_.refused(id, generation);
  }
  return true;
}

void TokenView::report_refused_replay(SessionId id, std::uint64_t generation) {
  Session& known = session(id);
  // An older or ending session proves nothing.
  if (!known.state.credential || known.state.credential->generation != generation) return;
  if (known.state.hold != 0 || known.state.acquitted) return;
  known.state.acquitted = true;
  reports_.acquit(id, generation);
}

void TokenView::update(SessionId id, SessionUpdate update) {
  Session& known = session(id);
  known.state = std::move(update);
  known.asked = false;
  known.suspected_generation = 0;
  known.reported_generation = 0;
  acknowledge_hold(id, known);
  // A waiter that is served may add or withdraw others: each is looked at once, if still there.
  std::vector<Wait*> waits(known.waits.begin(), known.waits.end());
  for (Wait* wait : waits) {
    if (std::find(known.waits.begin(), known.waits.end(), wait) == known.waits.end()) continue;
    auto outcome = get_until(wait->need_, wait->deadline_);
    if (!outcome || *outcome) wait->finish(std::move(outcome));
  }
}

void TokenView::forget(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  while (!found->second.waits.empty()) {
    found->second.waits.front()->finish(
        base::fail(ErrorKind::login_unavailable, "the configuration changed"));
  }
  found->second.state = {};
  if (found->second.unreplayable == 0) sessions_.erase(found);
}

void TokenView::acknowledge_hold(SessionId id, Session& known) {
  const std::uint64_t hold = known.state.hold;
  if (hold == 0 || known.unreplayable > 0 || known.acknowledged_hold == hold) return;
  known.acknowledged_hold = hold;
  reports_.hold_reached(id, hold);
}

TokenView::Wait::Wait(TokenView& view, const Need& need, Duration patience,
                      CredentialWaiter& waiter)
    : view_(&view),
      need_(need),
      deadline_(view.loop_.now() + patience),
      waiter_(waiter),
      timer_(view.loop_.make_timer([this] {
        // Should the question have been lost, the next request asks again.
        Session& known = view_->session(need_.session);
        known.asked = false;
        known.reported_generation = 0;
        finish(base::fail(Error{ErrorKind::login_unavailable, "no login succeeded in time",
                                std::chrono::seconds(1)}));
      })) {
  auto& waits = view.session(need.session).waits;
  place_ = waits.insert(waits.end(), this);
  timer_->start(patience);
}

TokenView::Wait::~Wait() {
  if (waiting_) detach();
}

void TokenView::Wait::detach() {
  waiting_ = false;
  timer_->stop();
  view_->session(need_.session).waits.erase(place_);
}

void TokenView::Wait::finish(Result<CredentialPtr> outcome) {
  detach();
  waiter_.on_credential(std::move(outcome));
}

TokenView::Use::Use(TokenView& view, SessionId session) : view_(view), session_(session) {
  ++view_.session(session_).unreplayable;
}

TokenView::Use::~Use() {
  Session& known = view_.session(session_);
  --known.unreplayable;
  view_.acknowledge_hold(session_, known);
}

}  // namespace vsaproxy::tokens
