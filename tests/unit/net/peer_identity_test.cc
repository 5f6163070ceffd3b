#include "proxy/net/peer_identity.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <utility>

namespace vsaproxy::net {
namespace {

// Both ends of a connection over loopback; the client's may be closed early.
struct Connection {
  FileDescriptor client;
  FileDescriptor accepted;
};

Connection connect_over_loopback() {
  const FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* place = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  REQUIRE(bind(listener.get(), place, size) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), place, &size) == 0);
  Connection made{FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), {}};
  REQUIRE(connect(made.client.get(), place, size) == 0);
  made.accepted = FileDescriptor(accept(listener.get(), nullptr, nullptr));
  REQUIRE(made.accepted);
  return made;
}

TEST_CASE("the user at the other end of a loopback connection is told while its socket is open") {
  PeerIdentity identity;
  Connection first = connect_over_loopback();
  const Connection second = connect_over_loopback();
  const auto user = identity.user_behind(first.accepted.get());
  REQUIRE(user);
  CHECK(user->uid == getuid());
  // What no process holds any more has no inode, and seems to be root's.
  { const FileDescriptor closed = std::move(first.client); }
  CHECK_FALSE(identity.user_behind(first.accepted.get()));
  CHECK(identity.user_behind(second.accepted.get()));
}

TEST_CASE("the user and the groups at the other end of a Unix socket are told") {
  int ends[2] = {};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const FileDescriptor one(ends[0]);
  const FileDescriptor other(ends[1]);
  const auto user = PeerIdentity().user_behind(one.get());
  REQUIRE(user);
  CHECK(user->uid == getuid());
  REQUIRE_FALSE(user->groups.empty());
  CHECK(user->groups.front() == getgid());
}

TEST_CASE("what is no connection has no user") {
  const FileDescriptor lonely(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_FALSE(PeerIdentity().user_behind(lonely.get()));
  CHECK_FALSE(PeerIdentity().user_behind(-1));
}

}  // namespace
}  // namespace vsaproxy::net
