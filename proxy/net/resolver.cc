#include "proxy/net/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
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

struct Resolver::State {
  struct Pending {
    EventLoop* loop = nullptr;
    std::uint16_t port = 0;
    const Request* request = nullptr;
    std::weak_ptr<Callback> callback;
  };
  struct Entry {
    Addresses addresses;  // without port
    base::Time at{};
    bool queued = false;
    std::vector<Pending> waiting;
  };

  void enqueue(const std::string& host, Entry& entry);  // with mutex held
  void look_up(const std::string& host);

  std::mutex mutex;
  std::condition_variable work;
  std::map<std::string, Entry> entries;  // a closed set: names of the configuration
  std::deque<std::string> queue;
  bool is_busy = false;
  bool is_stopping = false;
};

Resolver::Resolver()
    : state_(std::make_shared<State>()), thread_([state = state_] { run(state); }) {}

Resolver::~Resolver() {
  bool is_busy = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_stopping = true;
    is_busy = state_->is_busy;
  }
  state_->work.notify_one();
  // getaddrinfo can't be interrupted, and may take half a minute.
  is_busy ? thread_.detach() : thread_.join();
}

Resolver::Request::Request(std::shared_ptr<State> state, std::string host, Callback callback)
    : state_(std::move(state)),
      host_(std::move(host)),
      callback_(std::make_shared<Callback>(std::move(callback))) {}

// After this no answer is posted to the request's loop, which may end.
Resolver::Request::~Request() {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(host_);
  if (found == state_->entries.end()) return;
  std::erase_if(found->second.waiting,
                [this](const State::Pending& pending) { return pending.request == this; });
}

std::unique_ptr<Resolver::Request> Resolver::resolve(EventLoop& loop, const std::string& host,
                                                     std::uint16_t port, Callback callback) {
  auto request = std::make_unique<Request>(state_, host, std::move(callback));
  const auto answer = [&](Addresses addresses) {
    loop.post([weak = std::weak_ptr<Callback>(request->callback_), list = std::move(addresses)] {
      if (const auto alive = weak.lock()) (*alive)(list);
    });
  };
  if (const auto literal = literal_address(host, port)) {
    answer({*literal});
    return request;
  }
  const std::lock_guard lock(state_->mutex);
  State::Entry& entry = state_->entries[host];
  if (!entry.addresses.empty()) {
    answer(with_port(entry.addresses, port));
    if (std::chrono::steady_clock::now() - entry.at > fresh_for) state_->enqueue(host, entry);
    return request;
  }
  entry.waiting.push_back({&loop, port, request.get(), request->callback_});
  state_->enqueue(host, entry);
  return request;
}

void Resolver::State::enqueue(const std::string& host, Entry& entry) {
  if (std::exchange(entry.queued, true)) return;
  queue.push_back(host);
  work.notify_one();
}

void Resolver::distrust(const std::string& host) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(host);
  // At most one question a second, however many connections fail.
  if (found != state_->entries.end() &&
      std::chrono::steady_clock::now() - found->second.at > std::chrono::seconds(1)) {
    state_->enqueue(host, found->second);
  }
}

void Resolver::prefer(const std::string& host, const SocketAddress& address) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(host);
  if (found == state_->entries.end()) return;
  Addresses& list = found->second.addresses;
  const auto good = std::find_if(list.begin(), list.end(), [&](const SocketAddress& known) {
    return same_host(address, known);
  });
  if (good != list.end()) std::rotate(list.begin(), good, good + 1);
}

void Resolver::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    state->work.wait(lock, [&] { return state->is_stopping || !state->queue.empty(); });
    if (state->is_stopping) return;
    const std::string host = std::move(state->queue.front());
    state->queue.pop_front();
    state->is_busy = true;
    lock.unlock();
    state->look_up(host);
    lock.lock();
    state->is_busy = false;
  }
}

void Resolver::State::look_up(const std::string& host) {
  base::Result<Addresses> found = ask_system(host);
  const std::lock_guard lock(mutex);
  Entry& entry = entries[host];
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
