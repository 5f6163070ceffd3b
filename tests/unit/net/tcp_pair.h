#pragma once
// Two ends of a connection over loopback.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "proxy/net/handles.h"

namespace vsaproxy::net {

struct TcpPair {
  FileDescriptor ours;   // does not block
  FileDescriptor peers;  // blocks

  // `buffer` bytes to send and receive, if given: the kernel doubles it, and has a least.
  explicit TcpPair(int buffer = 0) {
    const FileDescriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    peers = FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* place = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    REQUIRE(bind(listening.get(), place, length) == 0);
    REQUIRE(listen(listening.get(), 1) == 0);
    REQUIRE(getsockname(listening.get(), place, &length) == 0);
    if (buffer > 0) {
      REQUIRE(setsockopt(peers.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) == 0);
    }
    REQUIRE(connect(peers.get(), place, length) == 0);
    ours = FileDescriptor(accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(ours);
    if (buffer > 0) {
      REQUIRE(setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) == 0);
    }
  }

  void send(std::string_view bytes, int flags = 0) {
    REQUIRE(::send(peers.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags) ==
            static_cast<ssize_t>(bytes.size()));
  }

  // What the peer has got, after a short wait for something. `at_end` if the end, too.
  std::string receive(bool* at_end = nullptr) {
    std::string all;
    std::array<char, 4096> part;
    pollfd readable{.fd = peers.get(), .events = POLLIN, .revents = 0};
    for (int wait = 10; poll(&readable, 1, wait) > 0; wait = 0) {
      const ssize_t n = recv(peers.get(), part.data(), part.size(), MSG_DONTWAIT);
      if (n == 0 && at_end != nullptr) *at_end = true;
      if (n <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
};

}  // namespace vsaproxy::net
