// Opens many connections to one address and, for every line on standard input, sends one small GET
// on each of them at once. Answers with a line for each burst:
//
//   MILLISECONDS STATUS:LATENCY ...     whole burst, then for each connection; latency in ms
//
//   burst PORT CONNECTIONS TARGET
//
// A status of 0 is a connection that failed or was too slow; it takes no part in later bursts.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr auto longest_burst = std::chrono::seconds(60);
constexpr std::size_t largest_head = 16 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct Connection {
  explicit Connection(int number) : socket(number) {}

  Descriptor socket;
  std::string received;
  Clock::time_point sent;
  Milliseconds latency{0};
  int status = 0;
  bool is_waiting = false;
  bool is_broken = false;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// "Content-Length" as every program of this benchmark spells it, or in small letters.
std::size_t content_length(std::string_view head) {
  for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const auto found = head.find(name);
    if (found == std::string_view::npos) continue;
    std::size_t length = 0;
    std::from_chars(head.data() + found + name.size(), head.data() + head.size(), length);
    return length;
  }
  return 0;
}

// The status of an answer that has arrived completely, else 0.
int status_of_whole(std::string_view received) {
  const auto end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (received.size() < end + 4 + content_length(received.substr(0, end))) return 0;
  int status = 0;
  constexpr std::string_view version = "HTTP/1.1 ";
  if (received.starts_with(version)) {
    std::from_chars(received.data() + version.size(), received.data() + end, status);
  }
  return status;
}

class Burst {
 public:
  Burst(std::uint16_t port, std::size_t count, const std::string& target)
      : poll_(::epoll_create1(0)),
        request_("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: burst\r\n\r\n") {
    if (poll_.number() < 0) fail("epoll_create1");
    connections_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) open(port);
  }

  void run() {
    const auto began = Clock::now();
    for (Connection& connection : connections_) send(connection);
    while (waiting_ > 0 && Clock::now() < began + longest_burst) read_some();
    report(Clock::now() - began);
  }

 private:
  void open(std::uint16_t port) {
    Connection& connection = connections_.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    const int number = connection.socket.number();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (number < 0) fail("socket");
    if (::connect(number, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("connect");
    }
    ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connections_.size() - 1;
    if (::epoll_ctl(poll_.number(), EPOLL_CTL_ADD, number, &event) != 0) fail("epoll_ctl");
  }

  void send(Connection& connection) {
    connection.received.clear();
    connection.status = 0;
    connection.latency = {};
    connection.is_waiting = false;
    if (connection.is_broken) return;
    connection.sent = Clock::now();
    const auto sent = ::send(connection.socket.number(), request_.data(), request_.size(),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    connection.is_broken = sent != static_cast<ssize_t>(request_.size());
    connection.is_waiting = !connection.is_broken;
    if (connection.is_waiting) ++waiting_;
  }

  void read_some() {
    std::array<epoll_event, 256> events;
    const int count =
        ::epoll_wait(poll_.number(), events.data(), static_cast<int>(events.size()), 1000);
    for (int i = 0; i < count; ++i) {
      read(connections_[events[static_cast<std::size_t>(i)].data.u64]);
    }
  }

  void read(Connection& connection) {
    std::array<char, 16384> bytes;
    const auto size = ::recv(connection.socket.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size > 0) connection.received.append(bytes.data(), static_cast<std::size_t>(size));
    const bool is_unasked = !connection.is_waiting;
    if (size <= 0 || is_unasked || connection.received.size() > largest_head) {
      return give_up(connection);
    }
    connection.status = status_of_whole(connection.received);
    if (connection.status == 0) return;
    connection.latency = Clock::now() - connection.sent;
    connection.is_waiting = false;
    --waiting_;
  }

  void give_up(Connection& connection) {
    connection.is_broken = true;
    connection.status = 0;
    ::epoll_ctl(poll_.number(), EPOLL_CTL_DEL, connection.socket.number(), nullptr);
    if (std::exchange(connection.is_waiting, false)) --waiting_;
  }

  void report(Milliseconds whole) {
    std::printf("%.3f", whole.count());
    for (Connection& connection : connections_) {
      // What was too slow would be taken for the next burst's answer.
      if (connection.is_waiting) give_up(connection);
      std::printf(" %d:%.3f", connection.status, connection.latency.count());
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  Descriptor poll_;
  std::string request_;
  std::vector<Connection> connections_;
  std::size_t waiting_ = 0;
};

template <class Number>
Number number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    std::fprintf(stderr, "not a number that fits: %.*s\n", static_cast<int>(text.size()),
                 text.data());
    std::exit(2);
  }
  return number;
}

void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: burst PORT CONNECTIONS TARGET\n");
    return 2;
  }
  allow_descriptors();
  Burst burst(number_of<std::uint16_t>(arguments[1]), number_of<std::size_t>(arguments[2]),
              arguments[3]);
  std::printf("connected\n");
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) burst.run();
}
