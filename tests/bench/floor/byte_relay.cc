// The floor of the benchmark: copies bytes between each client and a connection of its own to the
// origin, and looks at none of them. byte_relay PORT; says on which port of 127.0.0.1 it listens.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr int backlog = 4096;
constexpr std::size_t events_at_once = 512;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Link;

// One end of a link. What its peer sent and the socket did not take yet waits in `unsent`.
struct Side {
  int fd = -1;
  Link* link = nullptr;
  Side* peer = nullptr;
  std::string unsent;
  bool is_readable = false;
  bool is_ending = false;  // the end of its bytes is in the socket
  bool has_ended = false;  // and was read
};

struct Link {
  Side client;
  Side origin;
  bool is_dead = false;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Relay {
 public:
  explicit Relay(std::uint16_t origin_port)
      : origin_(loopback(origin_port)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    listen_on_free_port();
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_at_once> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events_at_once, -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int index = 0; index < count; ++index) {
        const epoll_event& event = events[static_cast<std::size_t>(index)];
        if (event.data.ptr == nullptr) {
          accept_all();
        } else {
          serve(*static_cast<Side*>(event.data.ptr), event.events);
        }
      }
      // Not earlier: later events of the same batch may be about them.
      for (Link* link : dead_) links_.erase(link);
      dead_.clear();
    }
  }

 private:
  void listen_on_free_port() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0) fail("bind");
    if (listen(listener_, backlog) != 0) fail("listen");
    if (getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      fail("getsockname");
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("epoll_ctl");
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void accept_all() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int origin = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (origin < 0) fail("socket");
      const auto* address = reinterpret_cast<const sockaddr*>(&origin_);
      if (connect(origin, address, sizeof origin_) != 0 && errno != EINPROGRESS) fail("connect");
      auto link = std::make_unique<Link>();
      watch(link->client, client, *link, link->origin);
      watch(link->origin, origin, *link, link->client);
      links_.emplace(link.get(), std::move(link));
    }
  }

  // Edge-triggered, once for all: no epoll_ctl later, and no second look at a drained socket.
  void watch(Side& side, int fd, Link& link, Side& peer) {
    side.fd = fd;
    side.link = &link;
    side.peer = &peer;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &side}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void serve(Side& side, std::uint32_t events) {
    if (side.link->is_dead) return;
    if ((events & EPOLLERR) != 0) return end(*side.link);
    if ((events & EPOLLOUT) != 0 && !side.unsent.empty()) flush(side);
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) side.is_ending = true;
    if ((events & EPOLLIN) != 0 || side.is_ending) side.is_readable = true;
    copy_from(side);
  }

  // A short read means that nothing is left, so most events cost one read and one write.
  void copy_from(Side& from) {
    Side& to = *from.peer;
    while (!from.link->is_dead && from.is_readable && !from.has_ended && to.unsent.empty()) {
      const ssize_t got = read(from.fd, buffer_.data(), buffer_.size());
      if (got < 0) {
        if (errno != EAGAIN) return end(*from.link);
        from.is_readable = false;
        return;
      }
      if (got == 0) return finish(from);
      const auto size = static_cast<std::size_t>(got);
      from.is_readable = size == buffer_.size() || from.is_ending;
      send_to(to, {buffer_.data(), size});
    }
  }

  void send_to(Side& to, std::span<const char> bytes) {
    const ssize_t sent = ::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return end(*to.link);
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    to.unsent.append(bytes.data() + done, bytes.size() - done);
  }

  void flush(Side& side) {
    std::string bytes;
    bytes.swap(side.unsent);
    send_to(side, bytes);
    if (side.link->is_dead || !side.unsent.empty()) return;
    if (side.peer->has_ended) {
      shutdown(side.fd, SHUT_WR);
      return;
    }
    copy_from(*side.peer);
  }

  // `from` will send nothing more: the peer is told, and the link ends with the second such end.
  void finish(Side& from) {
    from.has_ended = true;
    if (from.peer->has_ended) return end(*from.link);
    if (from.peer->unsent.empty()) shutdown(from.peer->fd, SHUT_WR);
  }

  void end(Link& link) {
    if (link.is_dead) return;
    link.is_dead = true;
    close(link.client.fd);
    close(link.origin.fd);
    dead_.push_back(&link);
  }

  sockaddr_in origin_;
  int epoll_;
  int listener_ = -1;
  std::unordered_map<Link*, std::unique_ptr<Link>> links_;
  std::vector<Link*> dead_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

}  // namespace

int main(int count, char** arguments) {
  std::uint16_t port = 0;
  const std::string_view text = count == 2 ? arguments[1] : "";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
    std::fputs("Usage: byte_relay PORT\n", stderr);
    return 2;
  }
  Relay(port).run();
}
