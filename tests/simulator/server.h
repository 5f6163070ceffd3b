#pragma once
// The listening socket, TLS and the set of connections, on one libevent loop and one thread. Owned
// by main.

#include <event2/listener.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "proxy/net/handles.h"
#include "tests/simulator/connection.h"
#include "tests/simulator/simulator.h"

namespace vsaproxy::simulator {

struct ServerSettings {
  std::string listen = "127.0.0.1:0";  // an address, not a name; "[::1]:0" for IPv6
  std::string tls_certificate;         // PEM files; empty: plain HTTP
  std::string tls_key;
};

class Server : public ConnectionOwner {
 public:
  explicit Server(Simulator& simulator);  // does not listen; see open
  // Listens at once. The error is a sentence for a person. `simulator` outlives the server.
  static tl::expected<std::unique_ptr<Server>, std::string> open(const ServerSettings& settings,
                                                                 Simulator& simulator);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // With the real port, "127.0.0.1:8080".
  std::string address() const;
  // Serves until SIGTERM or SIGINT.
  void run();

  void destroy_later(std::uint64_t connection_id) override;

 private:
  using ListenerHandle = std::unique_ptr<evconnlistener, net::HandleDeleter<evconnlistener_free>>;

  tl::expected<void, std::string> load_tls(const ServerSettings& settings);
  tl::expected<void, std::string> listen(const std::string& address);
  void accept(int fd, const sockaddr* peer);

  static void on_accept(evconnlistener* listener, int fd, sockaddr* peer, int size,
                        void* self) noexcept;
  static void on_reap(int fd, short what, void* self) noexcept;
  static void on_signal(int number, short what, void* self) noexcept;

  Simulator& simulator_;
  net::EventBaseHandle base_;
  net::SslContextHandle tls_;
  net::EventHandle reap_;
  net::EventHandle on_term_;
  net::EventHandle on_int_;
  ListenerHandle listener_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::uint64_t> doomed_;
};

}  // namespace vsaproxy::simulator
