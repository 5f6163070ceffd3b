#include "proxy/tokens/session_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/ops/random.h"
#include "proxy/tokens/secret_store.h"

namespace vsaproxy::tokens {
namespace {

using auth::RestoredSession;
using base::Result;

// More than any login answer has.
constexpr std::size_t most_file_bytes = 512 * 1024;
constexpr std::size_t tail_size = 16;

std::string tail_of(std::string_view sealed) {
  return std::string(sealed.substr(sealed.size() - std::min(tail_size, sealed.size())));
}

template <class Bytes>
Bytes random_bytes() {
  Bytes bytes{};
  ops::fill_random(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

SessionCache::SessionCache(const SessionTools& tools, const settings::Credential& credential,
                           std::string origin)
    : tools_(tools),
      credential_(credential.name),
      path_(credential.cache->file),
      key_ref_(credential.cache->key),
      owner_{std::move(origin), credential.account, std::string(credential.scheme->name),
             auth::rules_of(*credential.scheme, credential.values)},
      lock_timer_(tools_.loop.make_timer([this] { try_lock(); })) {}

std::optional<RestoredSession> SessionCache::read_news() {
  // Nobody waits here for a program: whoever logs in runs it, and looks again.
  const bool is_command = key_ref_.kind == base::SecretRef::Kind::command;
  if (is_command && tools_.commands != nullptr && !tools_.commands->is_known(key_ref_)) {
    return std::nullopt;
  }
  const std::uint64_t stamp = ops::file_stamp(path_);
  if (stamp == seen_stamp_) return std::nullopt;
  seen_stamp_ = stamp;  // taken before reading: what changes from here on is news
  const auto sealed = ops::read_private_file(path_, most_file_bytes);
  if (!sealed) {
    warn("the session cache is ignored", sealed.error().detail);
    return std::nullopt;
  }
  if (!*sealed || tail_of(**sealed) == seen_) return std::nullopt;
  auto session = open(**sealed);
  if (!session) {
    warn("the session cache is ignored, the next login replaces it",
         fmt::format("{}: {}", path_, session.error().detail));
    return std::nullopt;
  }
  seen_ = tail_of(**sealed);
  warned_of_.clear();
  return std::move(*session);
}

Result<RestoredSession> SessionCache::open(const std::string& sealed) {
  const auto salt = auth::salt_of(sealed, owner_);
  if (!salt) return tl::unexpected(salt.error());
  const auto key = key_for(*salt);
  if (!key) return tl::unexpected(key.error());
  auto session = auth::open_session(sealed, owner_, **key);
  if (!session) return tl::unexpected(session.error());
  return auth::restore_session(std::move(*session), {tools_.loop.now(), tools_.wall_now()});
}

void SessionCache::forget_changed_key() {
  const std::uint64_t stamp = tools_.secret_stamp(key_ref_);
  if (std::exchange(key_stamp_, stamp) != stamp) key_.reset();
}

Result<const auth::SealKey*> SessionCache::key_for(const auth::SealSalt& salt) {
  forget_changed_key();
  if (!key_ || key_->salt != salt) {
    const auto text = tools_.read_secret(key_ref_);
    if (!text) return tl::unexpected(text.error());
    if (text->reveal().size() < auth::least_seal_text) {
      return base::fail(
          base::ErrorKind::configuration,
          fmt::format("the text of cache.key has fewer than {} characters", auth::least_seal_text));
    }
    key_ = auth::make_seal_key(*text, salt);
  }
  return &*key_;
}

Result<const auth::SealKey*> SessionCache::key_to_write() {
  forget_changed_key();
  return key_for(key_ ? key_->salt : random_bytes<auth::SealSalt>());
}

void SessionCache::lock(base::Duration patience, std::function<void(Result<void>)> done) {
  on_lock_ = std::move(done);
  lock_deadline_ = tools_.loop.now() + patience;
  try_lock();
}

void SessionCache::try_lock() {
  auto locked = ops::make_private_directory(ops::parent_of(path_)).and_then([this] {
    return ops::FileLock::try_acquire(path_ + ".lock");
  });
  if (!locked) {
    warn("the session is neither kept on disk nor shared", locked.error().detail);
    return finish_lock({});
  }
  if (*locked) {
    lock_ = std::move(*locked);
    return finish_lock({});
  }
  if (tools_.loop.now() < lock_deadline_) return lock_timer_->start(lock_pause);
  finish_lock(base::fail(
      base::ErrorKind::login_unavailable,
      fmt::format("another process has been logging in for too long: it holds {}.lock", path_)));
}

void SessionCache::finish_lock(Result<void> outcome) {
  const auto done = std::exchange(on_lock_, nullptr);
  done(std::move(outcome));
}

void SessionCache::unlock() {
  lock_timer_->stop();
  on_lock_ = nullptr;
  lock_.reset();
}

void SessionCache::store(const auth::Credential& credential, base::Time issued) {
  if (!lock_) return;
  const auto key = key_to_write();
  if (!key) return warn("the session is not kept on disk", key.error().detail);
  const std::string sealed = auth::seal_session(
      auth::keep_session(credential, issued, {tools_.loop.now(), tools_.wall_now()}), owner_, **key,
      random_bytes<auth::SealNonce>());
  const Result<void> stored =
      sealed.size() > most_file_bytes
          ? Result<void>(base::fail(base::ErrorKind::system, "it is too large"))
          : ops::replace_file(path_, sealed);
  if (!stored) return warn("the session is not kept on disk", stored.error().detail);
  seen_stamp_ = ops::file_stamp(path_);
  seen_ = tail_of(sealed);
  warned_of_.clear();
}

void SessionCache::warn(std::string_view message, const std::string& detail) {
  if (std::exchange(warned_of_, detail) == detail) return;
  tools_.log.write(ops::LogLevel::warning, message,
                   {{"credential", credential_}, {"detail", detail}});
}

}  // namespace vsaproxy::tokens
