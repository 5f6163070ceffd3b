#pragma once
// Names to addresses through the system's own rules (nsswitch, hosts, search domains), on a thread
// of its own so that a slow name server stalls nothing. One for the process; any thread may ask.

#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
  // Shared with the thread: a lookup that hangs at the end of the program outlives this object.
  struct State;

  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

class Resolver::Request {
 public:
  Request(std::shared_ptr<State> state, std::string host, Callback callback);
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

 private:
  friend class Resolver;
  const std::shared_ptr<State> state_;
  const std::string host_;
  const std::shared_ptr<Callback> callback_;
};

}  // namespace vsaproxy::net
