#pragma once
// Names to addresses through the system's own rules (nsswitch, hosts, search domains), on a thread
// of its own so that a slow name server stalls nothing. One for the process; any thread may ask.

#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"

namespace vsaproxy::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

using Addresses = std::vector<SocketAddress>;

// "192.0.2.1:80", "[2001:db8::1]:80", "unix".
std::string to_string(const SocketAddress& address);
// A literal address and a port; nullopt for a name.
std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port);

class Resolver {
 public:
  // An answer is used for this long, then asked for again in the background.
  static constexpr Duration fresh_for = std::chrono::seconds(30);

  Resolver();
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Destroying it withdraws the callback. The loop's thread only, before the loop ends.
  class Request;
  using Callback = std::function<void(base::Result<Addresses>)>;

  // Calls back in the loop, at once or later, but never from inside this call. A known name is
  // answered from memory, an old answer too while a new one is fetched: the last good one is kept.
  // Errors: upstream_connect.
  [[nodiscard]] std::unique_ptr<Request> resolve(EventLoop& loop, const std::string& host,
                                                 std::uint16_t port, Callback callback);
  // No address of the name could be reached: asks again soon.
  void distrust(const std::string& host);
  // The one to try first from now on.
  void prefer(const std::string& host, const SocketAddress& address);

 private:
  struct Pending {
    EventLoop* loop = nullptr;
    std::uint16_t port = 0;
    const Request* request = nullptr;
    std::weak_ptr<Callback> callback;
  };
  struct Entry {
    Addresses addresses;  // without port
    base::Time at{};
    bool queued = false;
    std::vector<Pending> waiting;
  };

  void run();
  void look_up(const std::string& host);
  void enqueue(const std::string& host, Entry& entry);  // with mutex_ held
  void withdraw(const std::string& host, const Request& request);

  std::mutex mutex_;
  std::condition_variable work_;
  std::map<std::string, Entry> entries_;  // closed set: names of the configuration
  std::deque<std::string> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

class Resolver::Request {
 public:
  Request(Resolver& resolver, std::string host, Callback callback)
      : resolver_(resolver),
        host_(std::move(host)),
        callback_(std::make_shared<Callback>(std::move(callback))) {}
  ~Request() { resolver_.withdraw(host_, *this); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

 private:
  friend class Resolver;
  Resolver& resolver_;
  const std::string host_;
  const std::shared_ptr<Callback> callback_;
};

}  // namespace vsaproxy::net
