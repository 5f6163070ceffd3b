#pragma once
// Listening sockets and the accepting of connections. Sockets are opened once by the main thread
// and survive a reload; each worker accepts on its own.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/handles.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::net {

// The sockets of one address: one for each worker (SO_REUSEPORT), or one shared by all.
class ListeningSockets {
  // Only open() can name it.
  struct Private {};

 public:
  explicit ListeningSockets(Private) {}
  // Who may connect to a Unix socket.
  struct Access {
    std::uint32_t mode = 0600;
    std::optional<std::uint32_t> owner;
    std::optional<std::uint32_t> group;
    friend bool operator==(const Access&, const Access&) = default;
  };
  // A TCP or Unix address. A stale Unix socket file is replaced, one that somebody listens on is
  // not. Errors: system.
  static base::Result<std::unique_ptr<ListeningSockets>> open(
      const settings::ListenAddress& address, std::string_view runtime_dir, int workers,
      const Access& access);
  // One that is open already and belongs to somebody else: it is not closed in the end, so that it
  // can be used again. Errors: configuration, if it is no listening stream socket.
  static base::Result<std::unique_ptr<ListeningSockets>> adopt(int socket);
  ~ListeningSockets();  // removes a Unix socket file
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;

  int fd_for(int worker) const;
  // With the real port, "127.0.0.1:41234" or "unix:/run/vsaproxy/proxy.sock".
  const std::string& name() const { return name_; }
  // Other machines may reach it.
  bool is_reachable() const;
  // Of a Unix socket that is open already. Errors: system.
  base::Result<void> set_access(const Access& access);

 private:
  base::Result<void> open_tcp(const settings::TcpAddress& address, int workers);
  base::Result<void> open_unix(std::string path, const Access& access);

  std::vector<FileDescriptor> sockets_;
  std::string name_;
  std::string unix_path_;
};

// How long connections are left in the backlog after descriptors ran out.
constexpr Duration pause_without_descriptors = std::chrono::milliseconds(50);

// Accepts on one socket in one worker. Destroying it stops accepting; the socket stays open.
class Acceptor {
 public:
  // `peer` is the address of the client, "127.0.0.1:5000" or "unix".
  using OnAccepted = std::function<void(FileDescriptor socket, std::string peer)>;
  Acceptor(LibeventLoop& loop, int listening_fd, OnAccepted on_accepted);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Accepts whatever has completed its handshake already: before a listening socket is closed.
  void accept_waiting();

 private:
  bool accept_one();

  int fd_;
  OnAccepted on_accepted_;
  EventHandle event_;
  std::unique_ptr<Timer> pause_;  // after descriptors ran out
};

}  // namespace vsaproxy::net
