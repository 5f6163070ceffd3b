// What a session does with its cache: takes over what another process, or the one before, has left,
// and logs in under a lock.

#include <utility>

#include "proxy/tokens/session.h"

namespace vsaproxy::tokens {

using base::Result;

bool Session::adopt_news() {
  if (!cache_) return false;
  auto news = cache_->read_news();
  if (!news) return false;
  former_ = std::make_shared<const auth::Credential>(news->credential);
  if (news->credential.is_expired(tools_.loop.now())) {
    tools_.log.write(ops::LogLevel::info, "the session in the cache has expired",
                     {{"credential", settings_.name}});
    return false;
  }
  if (wants_own_login_) return false;
  // A path that always answers 401 may have cost the other process this login: if it cost another
  // one here, each would log in for the other's. Later refusals are checked all the same.
  const bool was_acquitted = state_.acquitted;
  install(std::move(news->credential), news->issued, "session taken from the cache");
  set_acquitted(was_acquitted);
  end_login();
  return true;
}

void Session::log_in_under_lock() {
  cache_->lock(settings_.login_timeout, [this](Result<void> locked) {
    if (!locked) return fail(std::move(locked.error()));
    // Another process may have logged in while this one waited.
    if (!adopt_news()) start_scheme();
  });
}

void Session::log_in() {
  wants_own_login_ = true;
  begin_login(Urgency::nothing_to_lose);
}

}  // namespace vsaproxy::tokens
