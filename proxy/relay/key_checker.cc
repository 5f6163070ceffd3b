#include "proxy/relay/key_checker.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

#include "proxy/ops/random.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t most_known = 1024;
// Requests of clients that are known already go first.
constexpr int niceness = 10;

std::array<std::byte, 32> random_key() {
  std::array<std::byte, 32> key{};
  ops::fill_random(key);
  return key;
}

// Of both as one text.
std::optional<std::string> mark_of(const std::string& context, const base::Secret& shown) {
  static const auto key = random_key();
  std::string text;
  text.reserve(context.size() + shown.reveal().size());  // growth would leave copies behind
  text.append(context).append(shown.reveal());
  std::array<unsigned char, 32> mark{};
  unsigned int size = 0;
  const bool is_made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                            mark.data(), &size) != nullptr &&
                       size == mark.size();
  base::wipe(text);
  if (!is_made) return std::nullopt;
  return std::string(mark.begin(), mark.end());
}

// Stands for a hash of the configuration and a key that fits it.
std::optional<std::string> mark_of(const KeyRing::Key& key, const base::Secret& shown) {
  return mark_of(key.hash.salt + key.hash.hash, shown);
}

std::size_t cost_of(const KeyRing& ring, const ShownKey& shown) {
  return shown.name ? 1 : ring.keys.size();
}

bool may_be(const KeyRing::Key& key, const ShownKey& shown) {
  return !shown.name || *shown.name == key.name;
}

}  // namespace

std::optional<std::string> mark_of(const ShownKey& shown) {
  return mark_of(shown.name ? "name:" + *shown.name + ":" : "key:", shown.key);
}

KeyChecker::Verdict find_key(const KeyRing& ring, const ShownKey& shown) {
  KeyChecker::Verdict found;
  bool is_known_name = false;
  // Not left early: the time says nothing about the name or the place of the key.
  for (const KeyRing::Key& key : ring.keys) {
    if (!may_be(key, shown)) continue;
    is_known_name = true;
    if (auth::matches(key.hash, shown.key.reveal()) && !found) found = key.name;
  }
  if (!is_known_name) auth::matches(ring.keys.front().hash, shown.key.reveal());
  return found;
}

class KeyCheckThread::Ticket final : public Check {
 public:
  explicit Ticket(std::function<void(Verdict)> on_checked)
      : callback_(std::make_shared<std::function<void(Verdict)>>(std::move(on_checked))) {}
  std::weak_ptr<std::function<void(Verdict)>> callback() const { return callback_; }

 private:
  std::shared_ptr<std::function<void(Verdict)>> callback_;
};

struct KeyCheckThread::Job {
  net::EventLoop* loop;
  KeyRingPtr ring;
  ShownKey shown;
  std::weak_ptr<std::function<void(Verdict)>> callback;
};

KeyCheckThread::KeyCheckThread() = default;

KeyCheckThread::~KeyCheckThread() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

KeyChecker::Verdict KeyCheckThread::recall(const KeyRing& ring, const ShownKey& shown) {
  const std::lock_guard lock(mutex_);
  if (known_.empty()) return std::nullopt;
  for (const KeyRing::Key& key : ring.keys) {
    if (!may_be(key, shown)) continue;
    const auto mark = mark_of(key, shown.key);
    const auto found = mark ? known_.find(*mark) : known_.end();
    if (found != known_.end() && found->second == key.name) return key.name;
  }
  return std::nullopt;
}

std::unique_ptr<KeyChecker::Check> KeyCheckThread::check(net::EventLoop& loop, KeyRingPtr ring,
                                                         ShownKey shown,
                                                         std::function<void(Verdict)> on_checked) {
  auto ticket = std::make_unique<Ticket>(std::move(on_checked));
  {
    const std::lock_guard lock(mutex_);
    const std::size_t cost = cost_of(*ring, shown);
    if (waiting_ > 0 && waiting_ + cost > most_waiting) return nullptr;
    if (!has_thread()) return nullptr;
    waiting_ += cost;
    jobs_.push_back({&loop, std::move(ring), std::move(shown), ticket->callback()});
  }
  wake_.notify_one();
  return ticket;
}

// It starts with the first check; where there are no more threads, perhaps with a later one.
bool KeyCheckThread::has_thread() {
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void KeyCheckThread::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return is_ending_ || !jobs_.empty(); });
    if (is_ending_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    Verdict verdict;
    // Who has left in the meantime costs nothing more.
    if (!job.callback.expired()) verdict = find_key(*job.ring, job.shown);
    lock.lock();
    waiting_ -= cost_of(*job.ring, job.shown);
    if (is_ending_) return;
    if (verdict) remember(*job.ring, job.shown, *verdict);
    job.loop->post([callback = job.callback, verdict] {
      if (const auto call = callback.lock()) (*call)(verdict);
    });
  }
}

void KeyCheckThread::remember(const KeyRing& ring, const ShownKey& shown, const std::string& name) {
  if (known_.size() >= most_known) known_.clear();
  for (const KeyRing::Key& key : ring.keys) {
    if (key.name != name) continue;
    if (auto mark = mark_of(key, shown.key)) known_.insert_or_assign(*std::move(mark), name);
  }
}

}  // namespace vsaproxy::relay
