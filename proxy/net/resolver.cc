#include "proxy/net/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace vsaproxy::net {
namespace {

using base::ErrorKind;

void set_port(SocketAddress& address, std::uint16_t port) {
  if (address.storage.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  }
}

Addresses with_port(Addresses addresses, std::uint16_t port) {
  for (SocketAddress& address : addresses) set_port(address, port);
  return addresses;
}

bool same_host(const SocketAddress& a, SocketAddress b) {
  const auto port = a.storage.ss_family == AF_INET
                        ? reinterpret_cast<const sockaddr_in&>(a.storage).sin_port
                        : reinterpret_cast<const sockaddr_in6&>(a.storage).sin6_port;
  set_port(b, ntohs(port));
  return a.length == b.length && std::memcmp(&a.storage, &b.storage, a.length) == 0;
}

base::Result<Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    return base::fail(ErrorKind::upstream_connect,
                      "the name " + host + " can't be resolved: " + gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    if (item->ai_family != AF_INET && item->ai_family != AF_INET6) continue;
    SocketAddress address;
    std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
    address.length = item->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

std::string to_string(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "unix";
}

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    address.length = sizeof v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    address.length = sizeof v6;
  } else {
    return std::nullopt;
  }
  set_port(address, port);
  return address;
}

Resolver::Resolver() : thread_([this] { run(); }) {}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

std::unique_ptr<Resolver::Request> Resolver::resolve(EventLoop& loop, const std::string& host,
                                                     std::uint16_t port, Callback callback) {
  auto request = std::make_unique<Request>(*this, host, std::move(callback));
  const auto answer = [&](Addresses addresses) {
    loop.post([weak = std::weak_ptr<Callback>(request->callback_), list = std::move(addresses)] {
      if (const auto alive = weak.lock()) (*alive)(list);
    });
  };
  if (const auto literal = literal_address(host, port)) {
    answer({*literal});
    return request;
  }
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[host];
  if (!entry.addresses.empty()) {
    answer(with_port(entry.addresses, port));
    if (std::chrono::steady_clock::now() - entry.at > fresh_for) enqueue(host, entry);
    return request;
  }
  entry.waiting.push_back({&loop, port, request.get(), request->callback_});
  enqueue(host, entry);
  return request;
}

// After this no answer is posted to the request's loop, which may end.
void Resolver::withdraw(const std::string& host, const Request& request) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  std::erase_if(found->second.waiting,
                [&](const Pending& pending) { return pending.request == &request; });
}

void Resolver::enqueue(const std::string& host, Entry& entry) {
  if (std::exchange(entry.queued, true)) return;
  queue_.push_back(host);
  work_.notify_one();
}

void Resolver::distrust(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(host);
  // At most one question a second, however many connections fail.
  if (found != entries_.end() &&
      std::chrono::steady_clock::now() - found->second.at > std::chrono::seconds(1)) {
    enqueue(host, found->second);
  }
}

void Resolver::prefer(const std::string& host, const SocketAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  Addresses& list = found->second.addresses;
  const auto good = std::find_if(list.begin(), list.end(), [&](const SocketAddress& known) {
    return same_host(address, known);
  });
  if (good != list.end()) std::rotate(list.begin(), good, good + 1);
}

void Resolver::run() {
  while (true) {
    std::string host;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      host = std::move(queue_.front());
      queue_.pop_front();
    }
    look_up(host);
  }
}

void Resolver::look_up(const std::string& host) {
  base::Result<Addresses> found = ask_system(host);
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[host];
  entry.queued = false;
  entry.at = std::chrono::steady_clock::now();
  if (found && !found->empty()) entry.addresses = *found;
  for (Pending& pending : entry.waiting) {
    base::Result<Addresses> answer = found;
    if (found) answer = with_port(*found, pending.port);
    pending.loop->post([weak = pending.callback, answer = std::move(answer)] {
      if (const auto alive = weak.lock()) (*alive)(answer);
    });
  }
  entry.waiting.clear();
}

}  // namespace vsaproxy::net
