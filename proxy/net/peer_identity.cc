#include "proxy/net/peer_identity.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "proxy/net/resolver.h"

namespace vsaproxy::net {
namespace {

using routing::LocalUser;

constexpr std::size_t most_groups = 1024;

// One end of a connection, IPv4 as IPv4-mapped IPv6.
struct End {
  routing::IpAddress address;
  std::uint16_t port = 0;  // in network order
  friend bool operator==(const End&, const End&) = default;
};

std::optional<End> end_of(const SocketAddress& address) {
  End end;
  if (address.storage.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(end.address.bytes.data(), &six.sin6_addr, end.address.bytes.size());
    end.port = six.sin6_port;
    return end;
  }
  if (address.storage.ss_family != AF_INET) return std::nullopt;
  const auto& four = reinterpret_cast<const sockaddr_in&>(address.storage);
  end.address.bytes[10] = end.address.bytes[11] = 0xff;
  std::memcpy(&end.address.bytes[12], &four.sin_addr, sizeof four.sin_addr);
  end.port = four.sin_port;
  return end;
}

using AddressCall = int (*)(int, sockaddr*, socklen_t*);

std::optional<End> end_of(int socket, AddressCall call) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (call(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return std::nullopt;
  }
  return end_of(address);
}

struct Query {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

void put_address(const End& end, int family, __be32 (&out)[4]) {
  const auto* bytes = end.address.bytes.data();
  if (family == AF_INET) {
    std::memcpy(out, bytes + 12, 4);
  } else {
    std::memcpy(out, bytes, sizeof out);
  }
}

// For the socket whose own end is `own`: one lookup, not a list of all.
Query query_for(const End& own, const End& remote) {
  Query query{};
  const int family = own.address.is_v4() ? AF_INET : AF_INET6;
  query.header.nlmsg_len = sizeof query;
  query.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  query.header.nlmsg_flags = NLM_F_REQUEST;
  query.request.sdiag_family = static_cast<__u8>(family);
  query.request.sdiag_protocol = IPPROTO_TCP;
  query.request.idiag_states = ~0U;
  inet_diag_sockid& id = query.request.id;
  id.idiag_sport = own.port;
  id.idiag_dport = remote.port;
  put_address(own, family, id.idiag_src);
  put_address(remote, family, id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return query;
}

End told_end(int family, const __be32 (&address)[4], __be16 port) {
  SocketAddress told;
  told.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    auto& six = reinterpret_cast<sockaddr_in6&>(told.storage);
    std::memcpy(&six.sin6_addr, address, sizeof six.sin6_addr);
    six.sin6_port = port;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(told.storage);
    std::memcpy(&four.sin_addr, address, sizeof four.sin_addr);
    four.sin_port = port;
  }
  return end_of(told).value_or(End{});
}

// Without such a connection the kernel may answer with a listening socket of that port: the four
// parts must be the ones asked for. A socket that no process holds has no inode, and uid 0.
std::optional<LocalUser> user_in(std::span<const char> answer, const End& own, const End& remote) {
  nlmsghdr header{};
  inet_diag_msg told{};
  if (answer.size() < NLMSG_HDRLEN + sizeof told) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  std::memcpy(&told, answer.data() + NLMSG_HDRLEN, sizeof told);
  if (told.idiag_family != AF_INET && told.idiag_family != AF_INET6) return std::nullopt;
  const inet_diag_sockid& id = told.id;
  const bool is_exact = told_end(told.idiag_family, id.idiag_src, id.idiag_sport) == own &&
                        told_end(told.idiag_family, id.idiag_dst, id.idiag_dport) == remote;
  if (!is_exact || told.idiag_inode == 0) return std::nullopt;
  return LocalUser{told.idiag_uid, {}};
}

std::optional<LocalUser> unix_user(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  LocalUser user{credentials.uid, {credentials.gid}};
  std::array<gid_t, most_groups> groups{};
  size = sizeof groups;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
    user.groups.insert(user.groups.end(), groups.begin(),
                       groups.begin() + static_cast<std::ptrdiff_t>(size / sizeof(gid_t)));
  }
  return user;
}

}  // namespace

std::optional<LocalUser> PeerIdentity::user_behind(int socket) {
  int family = 0;
  socklen_t size = sizeof family;
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return std::nullopt;
  return family == AF_UNIX ? unix_user(socket) : tcp_user(socket);
}

std::optional<LocalUser> PeerIdentity::tcp_user(int socket) {
  const auto client = end_of(socket, &getpeername);
  const auto server = end_of(socket, &getsockname);
  if (!client || !server || !client->address.is_loopback() || !server->address.is_loopback()) {
    return std::nullopt;
  }
  if (!netlink_) {
    netlink_ = FileDescriptor(
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  }
  const Query query = query_for(*client, *server);
  if (send(netlink_.get(), &query, sizeof query, 0) != sizeof query) {
    netlink_ = {};
    return std::nullopt;
  }
  // The kernel has answered within the call that asked.
  std::array<char, 4096> answer{};
  const ssize_t n = recv(netlink_.get(), answer.data(), answer.size(), 0);
  if (n <= 0) {
    netlink_ = {};  // a late answer must not be taken for that to another question
    return std::nullopt;
  }
  return user_in(std::span(answer).first(static_cast<std::size_t>(n)), *client, *server);
}

}  // namespace vsaproxy::net
