#include "proxy/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <variant>

#include "proxy/net/resolver.h"
#include "proxy/routing/network.h"

namespace vsaproxy::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int backlog = 4096;
// One turn takes at most so many, so that running exchanges get theirs.
constexpr int accepts_per_turn = 64;

std::string reason(const std::string& what) { return what + ": " + std::strerror(errno); }

base::Result<FileDescriptor> listening_socket(const SocketAddress& address, bool reuse_port) {
  FileDescriptor fd(
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(ErrorKind::system, reason("no socket"));
  const int on = 1;
  if (address.storage.ss_family != AF_UNIX) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Accepted sockets inherit it: one system call less for each.
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (reuse_port) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address.storage.ss_family == AF_INET6) {
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 ||
      listen(fd.get(), backlog) != 0) {
    return fail(ErrorKind::system, reason("can't listen on " + to_string(address)));
  }
  return fd;
}

SocketAddress address_of(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return address;
}

Result<SocketAddress> unix_address(const std::string& path) {
  SocketAddress address;
  auto& place = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof place.sun_path) {
    return fail(ErrorKind::system, "the socket path " + path + " is too long (at most " +
                                       std::to_string(sizeof place.sun_path - 1) + " bytes)");
  }
  place.sun_family = AF_UNIX;
  std::memcpy(place.sun_path, path.c_str(), path.size() + 1);
  address.length = sizeof place;
  return address;
}

bool somebody_listens(const SocketAddress& address) {
  const FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                 address.length) == 0 ||
         errno == EAGAIN;
}

}  // namespace

Result<std::unique_ptr<ListeningSockets>> ListeningSockets::open(
    const settings::ListenAddress& address, std::string_view runtime_dir, int workers,
    const Access& access) {
  auto made = std::make_unique<ListeningSockets>(Private{});
  Result<void> opened;
  if (const auto* tcp = std::get_if<settings::TcpAddress>(&address)) {
    opened = made->open_tcp(*tcp, workers);
  } else {
    std::string path = std::get<settings::UnixAddress>(address).path;
    if (!path.starts_with('/')) {
      // The runtime directory is ours; any other folder is the operator's.
      std::error_code ignored;  // a folder that is still missing fails the bind
      std::filesystem::create_directories(runtime_dir, ignored);
      path = std::string(runtime_dir) + "/" + path;
    }
    opened = made->open_unix(std::move(path), access);
  }
  if (!opened) return fail(opened.error());
  return made;
}

Result<std::unique_ptr<ListeningSockets>> ListeningSockets::adopt(int given) {
  int type = 0;
  int listens = 0;
  socklen_t size = sizeof type;
  const bool is_stream =
      getsockopt(given, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
  size = sizeof listens;
  if (!is_stream || getsockopt(given, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
      listens == 0) {
    return fail(ErrorKind::configuration,
                "is no listening stream socket: the socket unit needs ListenStream= and Accept=no");
  }
  FileDescriptor ours(fcntl(given, F_DUPFD_CLOEXEC, 0));
  if (!ours || fcntl(ours.get(), F_SETFL, fcntl(ours.get(), F_GETFL) | O_NONBLOCK) != 0) {
    return fail(ErrorKind::system, reason("can't use the socket"));
  }
  auto made = std::make_unique<ListeningSockets>(Private{});
  const int on = 1;  // fails on a Unix socket, which has no use for it
  setsockopt(ours.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  made->name_ = to_string(address_of(ours.get()));
  made->sockets_.push_back(std::move(ours));
  return made;
}

bool ListeningSockets::is_reachable() const {
  const SocketAddress address = address_of(sockets_.front().get());
  if (address.storage.ss_family == AF_UNIX) return false;
  const auto host = routing::parse_address_and_port(to_string(address));
  return !host || !host->is_loopback();
}

Result<void> ListeningSockets::set_access(const Access& access) {
  if (unix_path_.empty()) return {};
  const auto keep = static_cast<uid_t>(-1);
  if ((access.owner || access.group) &&
      chown(unix_path_.c_str(), access.owner.value_or(keep), access.group.value_or(keep)) != 0) {
    return fail(ErrorKind::system, reason("can't give " + unix_path_ + " its owner and group"));
  }
  if (chmod(unix_path_.c_str(), access.mode) != 0) {
    return fail(ErrorKind::system, reason("can't give " + unix_path_ + " its mode"));
  }
  return {};
}

ListeningSockets::~ListeningSockets() {
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

Result<void> ListeningSockets::open_tcp(const settings::TcpAddress& tcp, int workers) {
  auto address = literal_address(tcp.host, tcp.port);
  if (!address) return fail(ErrorKind::system, tcp.host + " is not an address");
  if (workers > 1 && tcp.port != 0) {
    // SO_REUSEPORT would let a second process join in: half of the requests each, and two logins.
    const auto probe = listening_socket(*address, false);
    if (!probe) return fail(probe.error());
  }
  for (int i = 0; i < workers; ++i) {
    // Without SO_REUSEPORT for a single worker: a second process then gets an error, not half the
    // connections.
    auto fd = listening_socket(*address, workers > 1);
    if (!fd) return fail(fd.error());
    *address = address_of(fd->get());  // with port 0: the port of the first for the others
    sockets_.push_back(std::move(*fd));
  }
  name_ = to_string(*address);
  return {};
}

Result<void> ListeningSockets::open_unix(std::string path, const Access& access) {
  auto address = unix_address(path);
  if (!address) return fail(address.error());
  if (somebody_listens(*address)) {
    return fail(ErrorKind::system, "can't listen on " + path + ": another process does");
  }
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return fail(ErrorKind::system, "can't listen on " + path + ": a file is in the way");
    }
    ::unlink(path.c_str());
  }
  // Nobody else until set_access() says so: the socket stands for an administrator's login.
  const mode_t former = umask(0177);
  auto fd = listening_socket(*address, false);
  umask(former);
  if (!fd) return fail(ErrorKind::system, reason("can't listen on " + path));
  sockets_.push_back(std::move(*fd));
  name_ = "unix:" + path;
  unix_path_ = std::move(path);
  return set_access(access);
}

int ListeningSockets::fd_for(int worker) const {
  return sockets_[static_cast<std::size_t>(worker) % sockets_.size()].get();
}

Acceptor::Acceptor(LibeventLoop& loop, int listening_fd, OnAccepted on_accepted)
    : fd_(listening_fd), on_accepted_(std::move(on_accepted)) {
  event_.reset(event_new(
      loop.base(), fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept {
        auto* acceptor = static_cast<Acceptor*>(self);
        for (int i = 0; i < accepts_per_turn && acceptor->accept_one(); ++i) {
        }
      },
      this));
  event_add(event_.get(), nullptr);
  pause_ = loop.make_timer([this] { event_add(event_.get(), nullptr); });
}

void Acceptor::accept_waiting() {
  for (int i = 0; i < backlog && accept_one(); ++i) {
  }
}

bool Acceptor::accept_one() {
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  FileDescriptor socket(accept4(fd_, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    on_accepted_(std::move(socket), to_string(peer));
    return true;
  }
  if (lacks_resources(errno)) {
    // The connection waits in the backlog until something is freed.
    event_del(event_.get());
    pause_->start(pause_without_descriptors);
    return false;
  }
  return errno == ECONNABORTED || errno == EINTR;
}

}  // namespace vsaproxy::net
