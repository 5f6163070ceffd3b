#include "proxy/tokens/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vsaproxy::tokens {
namespace {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Result;
using base::Time;
using ops::LogLevel;

std::string in_seconds(Duration time) {
  return fmt::format("{:.1f}s", static_cast<double>(time.count()) / 1000);
}

std::string_view result_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::login_rejected:
      return "rejected";
    case ErrorKind::malformed:
      return "malformed";
    default:
      return "transient";
  }
}

// What a client is told: only the reasons for 503 that it can act on.
ErrorKind client_reason(ErrorKind kind) {
  return kind == ErrorKind::login_rejected || kind == ErrorKind::login_budget_spent
             ? kind
             : ErrorKind::login_unavailable;
}

}  // namespace

bool is_session_refusal(const settings::Credential& credential, const LoginAnswer& answer) {
  const auto& statuses = credential.relogin_on;
  if (std::find(statuses.begin(), statuses.end(), answer.status) != statuses.end()) return true;
  const auto* type = answer.fields.find("Content-Type");
  const std::string_view content_type = type == nullptr ? std::string_view() : type->value;
  return auth::may_hold_lost_session(*credential.scheme, content_type) &&
         credential.scheme->session_lost({answer.status, content_type, answer.body});
}

Session::Session(SessionTools tools, const settings::Credential& settings, std::string origin,
                 std::unique_ptr<LoginTransport> transport,
                 std::unique_ptr<LoginTransport> check_transport)
    : tools_(std::move(tools)),
      settings_(settings),
      origin_(std::move(origin)),
      transport_(std::move(transport)),
      check_transport_(std::move(check_transport)),
      cache_(settings_.cache ? std::make_unique<SessionCache>(tools_, settings_, origin_)
                             : nullptr),
      backoff_(settings.min_backoff, settings.max_backoff),
      hold_timer_(tools_.loop.make_timer([this] { run_login(); })),
      renewal_timer_(tools_.loop.make_timer([this] { on_renewal_due(); })),
      retry_timer_(tools_.loop.make_timer([this] { on_retry_due(); })),
      code_timer_(tools_.loop.make_timer([this] { take_step(scheme_->next_code()); })),
      acquittal_timer_(tools_.loop.make_timer([this] { on_acquittal_over(); })) {}

// A login that never left is no attempt. One that did counts until its outcome is known.
Session::~Session() {
  if (exchange_ && !attempt_.empty() && !exchange_->was_sent()) {
    static_cast<void>(tools_.ledger.withdraw(account(), attempt_));
  }
}

bool Session::has_usable_credential() const {
  return state_.credential && !state_.credential->is_expired(tools_.loop.now());
}

ops::LoginAccount Session::account() const { return {origin_, settings_.account}; }

void Session::start() {
  if (!has_usable_credential()) begin_login(Urgency::nothing_to_lose);
}

void Session::retire(Session* successor) {
  is_retired_ = true;
  renewal_timer_->stop();
  if (successor == successor_) return;
  successor_ = successor;
  followed_generation_ = 0;
  if (phase_ != Phase::idle) return;
  if (successor_ == nullptr) {
    if (std::exchange(is_following_, false)) begin_login(Urgency::nothing_to_lose);
    return;
  }
  retry_timer_->stop();
  // Whoever waits for the next try waits for the successor's now.
  if (state_.block || is_following_) follow_successor();
}

void Session::revive() {
  successor_ = nullptr;
  if (!std::exchange(is_retired_, false)) return;
  if (std::exchange(is_following_, false)) state_.block.reset();
  if (!has_usable_credential()) return begin_login(Urgency::nothing_to_lose);
  if (settings_.logs_in) schedule_renewal(tools_.loop.now());
}

void Session::follow_successor() {
  is_following_ = true;
  const std::uint64_t known = followed_generation_;
  on_successor(successor_->state_);
  if (!is_following_) return;
  if (known != 0 && known == successor_->generation_) {
    successor_->refused(known);
  } else {
    successor_->need(known);
  }
}

void Session::on_successor(const SessionUpdate& update) {
  if (!is_following_) return;
  const Time now = tools_.loop.now();
  const auto& credential = update.credential;
  const bool is_usable = credential && !credential->is_expired(now);
  if (is_usable && credential->generation > followed_generation_) {
    followed_generation_ = credential->generation;
    auth::Credential own = *credential;
    own.generation = ++generation_;
    state_.credential = std::make_shared<const auth::Credential>(std::move(own));
    former_ = state_.credential;
    state_.block.reset();
    set_acquitted(update.acquitted);
    is_following_ = false;
  } else if (is_usable && update.acquitted && credential->generation == followed_generation_) {
    set_acquitted(true);
    is_following_ = false;
  } else if (update.block && now < update.block->until) {
    state_.block = update.block;  // its next try is ours
  } else {
    return;
  }
  tools_.publish(state_);
}

void Session::need(std::uint64_t known) {
  // A newer one is on its way to whoever asks. Of the one it knows the worker's word counts: its
  // clock may be a moment ahead of this turn's.
  if (has_usable_credential() && state_.credential->generation > known) return;
  begin_login(Urgency::nothing_to_lose);
}

void Session::used(std::uint64_t generation) {
  if (generation != generation_) return;
  was_used_ = true;
  if (std::exchange(renewal_is_due_, false)) begin_login(Urgency::renewal);
}

void Session::refused(std::uint64_t generation) {
  if (generation != generation_ || state_.acquitted || !settings_.logs_in) return;
  begin_login(has_usable_credential() ? Urgency::refusal : Urgency::nothing_to_lose);
}

void Session::suspect(std::uint64_t generation) {
  if (generation != generation_ || !settings_.logs_in) return;
  begin_check();
  // Workers keep requests back until they hear of it.
  if (!check_ && phase_ == Phase::idle && !state_.acquitted) tools_.publish(state_);
}

void Session::acquit(std::uint64_t generation) {
  if (generation != generation_ || state_.acquitted) return;
  set_acquitted(true);
  tools_.log.write(LogLevel::info, "a fresh session was refused too: the path answers so",
                   {{"credential", settings_.name}});
  tools_.publish(state_);
}

void Session::set_acquitted(bool acquitted) {
  state_.acquitted = acquitted;
  acquittal_timer_->stop();
  if (acquitted && settings_.check.path.empty()) acquittal_timer_->start(acquittal_time);
}

// The next refusal costs a login, which tells.
void Session::on_acquittal_over() {
  set_acquitted(false);
  tools_.publish(state_);
}

void Session::begin_login(Urgency urgency) {
  const Time now = tools_.loop.now();
  if (phase_ != Phase::idle) return;
  if (successor_ != nullptr) return follow_successor();
  if (adopt_news()) return;
  if (state_.block && now < state_.block->until) {
    // Who asks does not know yet, or has a clock that is ahead: it is done as soon as it may be.
    retry_timer_->start(std::chrono::ceil<Duration>(state_.block->until - now));
    return;
  }
  retry_timer_->stop();
  renewal_is_due_ = false;
  phase_ = Phase::logging_in;
  fetch_secrets(urgency);
}

// With the secrets at hand: requests wait no longer than they must.
void Session::hold_requests(Urgency urgency) {
  const Time now = tools_.loop.now();
  phase_ = Phase::holding;
  if (settings_.one_session && urgency != Urgency::nothing_to_lose && has_usable_credential()) {
    state_.hold = ++holds_;
    awaited_acknowledgements_ = tools_.publish(state_);
    if (awaited_acknowledgements_ > 0) {
      Duration patience = urgency == Urgency::renewal ? renewal_patience : refusal_patience;
      if (const auto& end = state_.credential->expires) {
        patience = std::min(patience, std::chrono::duration_cast<Duration>(*end - now));
      }
      hold_timer_->start(patience);
      return;
    }
  }
  run_login();
}

// The timer decides, not the clock: a coarse timer may fire a little before the block's time.
void Session::on_retry_due() {
  state_.block.reset();
  begin_login(Urgency::renewal);
}

void Session::hold_reached(std::uint64_t hold) {
  if (phase_ != Phase::holding || hold != state_.hold) return;
  if (--awaited_acknowledgements_ == 0) run_login();
}

void Session::run_login() {
  hold_timer_->stop();
  phase_ = Phase::logging_in;
  if (cache_) return log_in_under_lock();
  start_scheme();
}

void Session::start_scheme() {
  auto made = make_scheme();
  if (!made) return fail(std::move(made.error()));
  scheme_ = std::move(*made);
  has_waited_for_code_ = false;
  take_step(scheme_->start(tools_.loop.now(), former_.get()));
}

void Session::take_step(Result<auth::Step> step) {
  if (!step) return fail(std::move(step.error()));
  if (auto* credential = std::get_if<auth::Credential>(&*step)) {
    return succeed(std::move(*credential));
  }
  send(std::get<auth::LoginRequest>(*step));
}

void Session::send(const auth::LoginRequest& request) {
  if (request.spends_budget && (attempt_.empty() || request.second_try)) {
    auto begun =
        tools_.ledger.begin(account(), login_secret_, settings_.login_budget, tools_.wall_now());
    if (!begun) return fail(std::move(begun.error()));
    attempt_ = std::move(*begun);
  }
  if (request.code && !claim_code(*request.code)) return;
  sent_at_ = tools_.loop.now();
  exchange_ =
      transport_->send(request, settings_.login_timeout, [this](Result<LoginAnswer> answer) {
        tools_.loop.destroy_later(std::move(exchange_));
        on_answer(std::move(answer));
      });
}

bool Session::claim_code(const auth::CodeTime& code) {
  const auto claimed = tools_.ledger.claim_code(account(), code.step);
  if (claimed && *claimed) return true;
  if (!claimed) {
    fail(claimed.error());
  } else if (std::exchange(has_waited_for_code_, true)) {
    fail({ErrorKind::login_unavailable,
          "other logins of the account used the one-time codes of this half minute and the last",
          code.left});
  } else {
    const std::string wait = in_seconds(code.left);
    tools_.log.write(LogLevel::info,
                     "the one-time code of this half minute was used already: waiting for the next",
                     {{"credential", settings_.name}, {"wait", wait}});
    // Nothing that was sent can still be rejected: whoever ends the process now spends no attempt.
    static_cast<void>(tools_.ledger.withdraw(account(), attempt_));
    attempt_.clear();
    code_timer_->start(code.left);
  }
  return false;
}

void Session::on_answer(Result<LoginAnswer> answer) {
  if (!answer) return fail(std::move(answer.error()));
  const auth::LoginResponse response{answer->status, &answer->fields, answer->body,
                                     answer->received_at};
  // The session began after that and before the answer came: so it never lasts longer here than
  // there.
  take_step(scheme_->on_response(response, sent_at_));
}

void Session::succeed(auth::Credential credential) {
  const Time now = tools_.loop.now();
  if (!attempt_.empty()) {
    if (auto kept = tools_.ledger.succeeded(account()); !kept) {
      tools_.log.write(LogLevel::warning, "the record of logins can't be cleared",
                       {{"credential", settings_.name}, {"detail", kept.error().detail}});
    }
  }
  if (settings_.logs_in) {
    if (!credential.expires) credential.expires = now + settings_.max_age;
    count("ok");
  }
  // On disk before it is in use: a refresh token must not be lost once its forerunner is spent.
  if (cache_) cache_->store(credential, now);
  install(std::move(credential), now, "login succeeded");
  end_login();
}

void Session::install(auth::Credential credential, Time issued, std::string_view message) {
  credential.generation = ++generation_;
  const base::Secret* shown = !credential.token.empty()   ? &credential.token
                              : credential.fields.empty() ? nullptr
                                                          : &credential.fields.front().value;
  if (shown != nullptr) credential.fingerprint = tools_.fingerprint(shown->reveal());
  state_.credential = std::make_shared<const auth::Credential>(std::move(credential));
  former_ = state_.credential;
  state_.block.reset();
  set_acquitted(false);
  retry_timer_->stop();
  was_used_ = false;
  renewal_is_due_ = false;
  was_ready_ = true;
  backoff_.reset();
  if (!settings_.logs_in) return;
  const auto left =
      std::chrono::duration_cast<Duration>(*state_.credential->expires - tools_.loop.now());
  const std::string expires_in = in_seconds(left);
  tools_.log.write(LogLevel::info, message,
                   {{"credential", settings_.name},
                    {"origin", origin_},
                    {"session", state_.credential->fingerprint},
                    {"expires_in", expires_in}});
  const auto wall = tools_.wall_now() + left;
  tools_.metrics.gauge("vsaproxy_token_expiry_timestamp_seconds", {settings_.name})
      .set(static_cast<double>(
          std::chrono::duration_cast<std::chrono::seconds>(wall.time_since_epoch()).count()));
  schedule_renewal(issued);
}

void Session::settle_record(const Error& error) {
  if (attempt_.empty()) return;
  const Result<void> kept = error.kind == ErrorKind::login_rejected
                                ? tools_.ledger.rejected(account(), attempt_, login_secret_)
                                : tools_.ledger.withdraw(account(), attempt_);
  if (!kept) {
    tools_.log.write(LogLevel::warning, "the record of logins can't be written",
                     {{"credential", settings_.name}, {"detail", kept.error().detail}});
  }
}

void Session::fail(Error error) {
  // Of one that was never sent the outcome is known already, and counts no login.
  const bool was_sent = !attempt_.empty();
  settle_record(error);
  if (error.kind == ErrorKind::login_rejected) doubt_secrets();
  if (was_sent) count(result_name(error.kind));
  const bool is_final =
      error.kind == ErrorKind::login_rejected || error.kind == ErrorKind::login_budget_spent;
  Duration delay =
      is_final ? error.retry_after.value_or(settings_.login_budget.per)
               : std::max(backoff_.next(jitter()), error.retry_after.value_or(Duration::zero()));
  const std::string wait = in_seconds(delay);
  tools_.log.write(
      is_final ? LogLevel::error : LogLevel::warning,
      is_final ? "login stopped: no further try with this secret" : "login failed, backing off",
      {{"credential", settings_.name},
       {"origin", origin_},
       {"result", base::reason_text(error.kind)},
       {"retry_in", wait},
       {"detail", error.detail}});
  state_.block = LoginBlock{{client_reason(error.kind), std::move(error.detail)},
                            tools_.loop.now() + delay,
                            error.kind == ErrorKind::configuration};
  if (!is_final) retry_timer_->start(delay);
  end_login();
}

void Session::end_login() {
  scheme_.reset();
  login_secret_ = base::Secret();
  attempt_.clear();
  phase_ = Phase::idle;
  wants_own_login_ = false;
  if (cache_) cache_->unlock();
  state_.hold = 0;
  if (settings_.logs_in) {
    seen_record_stamp_ = tools_.ledger.stamp(account());
    tools_.metrics.gauge("vsaproxy_login_budget_remaining", {settings_.name})
        .set(tools_.ledger.remaining(account(), settings_.login_budget, tools_.wall_now()));
  }
  tools_.publish(state_);
}

void Session::schedule_renewal(Time issued) {
  if (is_retired_) return;
  const Time due =
      auth::renewal_time(issued, *state_.credential->expires, settings_.renew_before, jitter());
  const auto wait = std::chrono::duration_cast<Duration>(due - tools_.loop.now());
  renewal_timer_->start(std::max(wait, Duration::zero()));
}

void Session::on_renewal_due() {
  if (was_used_) {
    begin_login(Urgency::renewal);
  } else {
    renewal_is_due_ = true;
  }
}

void Session::begin_check() {
  const Time now = tools_.loop.now();
  if (settings_.check.path.empty()) return;
  if (check_ || phase_ != Phase::idle || !has_usable_credential()) return;
  if (last_check_ && now - *last_check_ < check_interval) return;
  last_check_ = now;
  auth::LoginRequest request;
  request.method = settings_.check.method;
  request.target = settings_.check.path;
  request.fields = state_.credential->fields;
  LoginTransport& transport = check_transport_ ? *check_transport_ : *transport_;
  check_ = transport.send(request, settings_.login_timeout,
                          [this, generation = generation_](Result<LoginAnswer> answer) {
                            tools_.loop.destroy_later(std::move(check_));
                            on_check_answer(std::move(answer), generation);
                          });
}

void Session::on_check_answer(Result<LoginAnswer> answer, std::uint64_t generation) {
  if (generation != generation_) return;
  if (!answer || !is_session_refusal(settings_, *answer)) {
    tools_.publish(state_);
    return;
  }
  tools_.log.write(LogLevel::info, "the session check was refused",
                   {{"credential", settings_.name}});
  begin_login(Urgency::refusal);
}

// Only a change of the secret, or somebody's unlock, helps: no time.
bool Session::is_stopped() const {
  return state_.block && (state_.block->error.kind == ErrorKind::login_rejected ||
                          state_.block->error.kind == ErrorKind::login_budget_spent);
}

void Session::poll() {
  // A good session keeps its secret until the next login.
  const bool is_static = !settings_.logs_in;
  if (successor_ != nullptr) return;
  if (phase_ == Phase::idle && adopt_news()) return;
  if (phase_ != Phase::idle || (!state_.block && !is_static)) return;
  // Other sessions of the account write the record too, with each login.
  const bool has_new_record = is_stopped() && tools_.ledger.stamp(account()) != seen_record_stamp_;
  if (!has_new_record && secret_stamps() == seen_secret_stamps_) return;
  tools_.log.write(LogLevel::info, "a secret or the record of logins changed: trying again",
                   {{"credential", settings_.name}});
  state_.block.reset();
  begin_login(has_usable_credential() ? Urgency::renewal : Urgency::nothing_to_lose);
}

void Session::count(std::string_view result) {
  tools_.metrics.counter("vsaproxy_logins_total", {settings_.name, std::string(result)}).add();
}

}  // namespace vsaproxy::tokens
