#pragma once
// Which user of this machine is at the other end of an accepted connection, as the kernel says:
// credentials of a Unix socket, or the owner of the client's end of a loopback TCP connection. One
// object for each worker; one thread.

#include <optional>

#include "proxy/net/handles.h"
#include "proxy/routing/client_rules.h"

namespace vsaproxy::net {

class PeerIdentity {
 public:
  // To be asked once, right after accept: what the kernel says of TCP is true while the client's
  // socket is open. Nothing in doubt: another machine, a client that has closed, a socket whose
  // owner is not told. The groups of a TCP client are not known here.
  std::optional<routing::LocalUser> user_behind(int socket);

 private:
  std::optional<routing::LocalUser> tcp_user(int socket);

  FileDescriptor netlink_;  // opened when first needed
};

}  // namespace vsaproxy::net
