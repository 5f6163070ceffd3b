// The secrets of a session: reads them for a login, and notices when they change.

#include <fmt/format.h>

#include <utility>

#include "proxy/tokens/session.h"

namespace vsaproxy::tokens {

using base::Result;

namespace {

// A credential with several secrets is another one as soon as one of them changes.
void append_secret(base::Secret& all, const base::Secret& one) {
  all = all.empty() ? one : base::Secret::take(fmt::format("{}\n{}", all.reveal(), one.reveal()));
}

}  // namespace

std::vector<base::SecretRef> Session::secret_commands() const {
  std::vector<base::SecretRef> commands;
  const auto add = [&commands](const base::SecretRef& ref) {
    if (ref.kind == base::SecretRef::Kind::command) commands.push_back(ref);
  };
  for (const auto& [key, ref] : settings_.values.secrets()) add(ref);
  if (settings_.cache) add(settings_.cache->key);
  return commands;
}

// Programs run while other sessions and the requests of this one go on; before the lock of the
// cache, which others wait for.
void Session::fetch_secrets(Urgency urgency) {
  const auto commands = secret_commands();
  if (tools_.commands != nullptr && !commands.empty()) {
    secret_fetch_ = tools_.commands->fetch(commands, [this, urgency] {
      tools_.loop.destroy_later(std::move(secret_fetch_));
      hold_requests(urgency);
    });
    if (secret_fetch_) return;
  }
  hold_requests(urgency);
}

// It may have been changed where a program takes it from: asked for at once, not after max_age.
void Session::doubt_secrets() {
  if (tools_.commands == nullptr) return;
  for (const base::SecretRef& ref : secret_commands()) tools_.commands->doubt(ref);
}

Result<std::unique_ptr<auth::Scheme>> Session::make_scheme() {
  seen_secret_stamps_ = secret_stamps();  // before reading: what changes from here on is news
  auth::SchemeInput input;
  input.values = &settings_.values;
  login_secret_ = base::Secret();
  input.random = tools_.random;
  for (const auto& [key, ref] : settings_.values.secrets()) {
    auto secret = tools_.read_secret(ref);
    if (!secret) return base::fail(std::move(secret.error()));
    append_secret(login_secret_, *secret);
    input.secrets.emplace(key, std::move(*secret));
  }
  return settings_.scheme->make(std::move(input));
}

std::vector<std::uint64_t> Session::secret_stamps() const {
  std::vector<std::uint64_t> all;
  for (const auto& [key, ref] : settings_.values.secrets()) all.push_back(tools_.secret_stamp(ref));
  return all;
}

}  // namespace vsaproxy::tokens
