#pragma once
// Opens connections to upstreams: resolves, tries every address, shakes hands. The relay sees the
// interface, so that tests can hand it streams of memory.

#include <functional>
#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/stream.h"
#include "proxy/net/tls_context.h"

namespace vsaproxy::net {

struct DialTarget {
  std::string host;  // name or literal address to connect to
  std::uint16_t port = 0;
  ClientTls* tls = nullptr;    // null: plain; must outlive the dial
  Duration connect_timeout{};  // each address
  Duration tls_timeout{};
};

// Destroying it cancels the dial.
class Dial {
 public:
  virtual ~Dial() = default;
};

using DialCallback = std::function<void(base::Result<std::unique_ptr<Stream>>)>;

class Dialer {
 public:
  virtual ~Dialer() = default;
  // The callback runs once, from the loop, never from inside this call. It may destroy the Dial
  // only through EventLoop::destroy_later. Errors: upstream_connect, upstream_tls, overloaded,
  // upstream_timeout.
  [[nodiscard]] virtual std::unique_ptr<Dial> dial(const DialTarget& target,
                                                   DialCallback callback) = 0;
};

class SocketDialer final : public Dialer {
 public:
  SocketDialer(LibeventLoop& loop, Resolver& resolver) : loop_(loop), resolver_(resolver) {}
  std::unique_ptr<Dial> dial(const DialTarget& target, DialCallback callback) override;

 private:
  LibeventLoop& loop_;
  Resolver& resolver_;
};

}  // namespace vsaproxy::net
