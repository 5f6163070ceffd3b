#pragma once
// Whether a client's API key is one of a listener's. A check takes tens of milliseconds of one CPU
// on purpose, so a thread of its own makes them, one after the other; workers only ask.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/auth/key_hash.h"
#include "proxy/base/secret.h"
#include "proxy/net/event_loop.h"

namespace vsaproxy::relay {

// The keys of one listener. Immutable, shared.
struct KeyRing {
  struct Key {
    std::string name;
    auth::KeyHash hash;
  };
  std::string header;
  std::vector<Key> keys;  // one at least
};
using KeyRingPtr = std::shared_ptr<const KeyRing>;

// What a client showed.
struct ShownKey {
  std::optional<std::string> name;  // set: the key must be that one's
  base::Secret key;
};

// What is kept of a key, to know it again: under a random key, so that it says nothing outside of
// this process. Nothing where OpenSSL fails: that is like no other.
std::optional<std::string> mark_of(const ShownKey& shown);

class KeyChecker {
 public:
  // The name of the key; nothing if it is none of the ring's.
  using Verdict = std::optional<std::string>;
  // Destroying it withdraws the callback. The loop's thread only.
  class Check {
   public:
    virtual ~Check() = default;
  };

  virtual ~KeyChecker() = default;
  // A key that was right before is known again without a check, however busy the checker is.
  virtual Verdict recall(const KeyRing& ring, const ShownKey& shown) = 0;
  // Calls back in the loop, never from inside this call. Null if too many checks wait already, or
  // the system has no thread for them.
  virtual std::unique_ptr<Check> check(net::EventLoop& loop, KeyRingPtr ring, ShownKey shown,
                                       std::function<void(Verdict)> on_checked) = 0;
};

// Tries the key: one hash if a name was shown, known or not, else each of the ring. Slow.
KeyChecker::Verdict find_key(const KeyRing& ring, const ShownKey& shown);

// The real one. Ends before the loops that it calls back in.
class KeyCheckThread final : public KeyChecker {
 public:
  // So many hashes may wait to be tried: some seconds of work.
  static constexpr std::size_t most_waiting = 64;

  KeyCheckThread();
  ~KeyCheckThread() override;
  KeyCheckThread(const KeyCheckThread&) = delete;
  KeyCheckThread& operator=(const KeyCheckThread&) = delete;

  Verdict recall(const KeyRing& ring, const ShownKey& shown) override;
  std::unique_ptr<Check> check(net::EventLoop& loop, KeyRingPtr ring, ShownKey shown,
                               std::function<void(Verdict)> on_checked) override;

 private:
  class Ticket;
  struct Job;

  bool has_thread();
  void run();
  void remember(const KeyRing& ring, const ShownKey& shown, const std::string& name);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;                                   // guarded by mutex_
  std::size_t waiting_ = 0;                                // hashes to try for them; likewise
  bool is_ending_ = false;                                 // likewise
  std::map<std::string, std::string, std::less<>> known_;  // mark to name; likewise
  std::thread thread_;
};

}  // namespace vsaproxy::relay
