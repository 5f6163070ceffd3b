#include "tests/simulator/server.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace vsaproxy::simulator {
namespace {

bool is_loopback(const sockaddr* peer) {
  if (peer->sa_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, peer, sizeof address);
    return ntohl(address.sin_addr.s_addr) >> 24U == 127;
  }
  sockaddr_in6 address{};
  std::memcpy(&address, peer, sizeof address);
  return IN6_IS_ADDR_LOOPBACK(&address.sin6_addr);
}

// Fills in the address of "127.0.0.1:0" or "[::1]:0" and returns its size; 0: it is none.
// (libevent's own parser refuses port 0.)
int parse_address(std::string_view text, sockaddr_storage& address) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return 0;
  std::string host(text.substr(0, colon));
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return 0;
  if (host.starts_with('[') && host.ends_with(']')) {
    auto& inet6 = reinterpret_cast<sockaddr_in6&>(address);
    host = host.substr(1, host.size() - 2);
    inet6.sin6_family = AF_INET6;
    inet6.sin6_port = htons(port);
    return inet_pton(AF_INET6, host.c_str(), &inet6.sin6_addr) == 1 ? sizeof inet6 : 0;
  }
  auto& inet = reinterpret_cast<sockaddr_in&>(address);
  inet.sin_family = AF_INET;
  inet.sin_port = htons(port);
  return inet_pton(AF_INET, host.c_str(), &inet.sin_addr) == 1 ? sizeof inet : 0;
}

}  // namespace

Server::Server(Simulator& simulator)
    : simulator_(simulator),
      base_(event_base_new()),
      reap_(event_new(base_.get(), -1, 0, on_reap, this)),
      on_term_(evsignal_new(base_.get(), SIGTERM, on_signal, this)),
      on_int_(evsignal_new(base_.get(), SIGINT, on_signal, this)) {
  event_add(on_term_.get(), nullptr);
  event_add(on_int_.get(), nullptr);
}

// What libevent frees late, it frees with the base.
Server::~Server() { connections_.clear(); }

tl::expected<std::unique_ptr<Server>, std::string> Server::open(const ServerSettings& settings,
                                                                Simulator& simulator) {
  auto server = std::make_unique<Server>(simulator);
  if (!settings.tls_certificate.empty()) {
    if (auto loaded = server->load_tls(settings); !loaded) return tl::unexpected(loaded.error());
  }
  if (auto bound = server->listen(settings.listen); !bound) return tl::unexpected(bound.error());
  return server;
}

tl::expected<void, std::string> Server::load_tls(const ServerSettings& settings) {
  static constexpr std::string_view session_context = "vsaproxy-simulator";
  tls_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_min_proto_version(tls_.get(), TLS1_2_VERSION);
  SSL_CTX_set_session_id_context(tls_.get(),
                                 reinterpret_cast<const unsigned char*>(session_context.data()),
                                 static_cast<unsigned int>(session_context.size()));
  if (SSL_CTX_use_certificate_chain_file(tls_.get(), settings.tls_certificate.c_str()) != 1) {
    return tl::unexpected("cannot use the certificate " + settings.tls_certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(tls_.get(), settings.tls_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tl::unexpected("cannot use the key " + settings.tls_key);
  }
  return {};
}

tl::expected<void, std::string> Server::listen(const std::string& address) {
  sockaddr_storage socket_address{};
  auto* generic = reinterpret_cast<sockaddr*>(&socket_address);
  const int size = parse_address(address, socket_address);
  if (size == 0) return tl::unexpected(address + " is not ADDRESS:PORT");
  constexpr unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
  listener_.reset(
      evconnlistener_new_bind(base_.get(), on_accept, this, flags, 4096, generic, size));
  if (!listener_) {
    return tl::unexpected(fmt::format("cannot listen on {}: {}", address, std::strerror(errno)));
  }
  return {};
}

std::string Server::address() const {
  sockaddr_storage socket_address{};
  socklen_t size = sizeof socket_address;
  getsockname(evconnlistener_get_fd(listener_.get()), reinterpret_cast<sockaddr*>(&socket_address),
              &size);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (socket_address.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(socket_address);
    inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(address.sin6_port));
  }
  const auto& address = reinterpret_cast<const sockaddr_in&>(socket_address);
  inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return fmt::format("{}:{}", text.data(), ntohs(address.sin_port));
}

void Server::run() { event_base_dispatch(base_.get()); }

void Server::destroy_later(std::uint64_t connection_id) {
  doomed_.push_back(connection_id);
  event_active(reap_.get(), EV_TIMEOUT, 0);
}

void Server::accept(int fd, const sockaddr* peer) {
  constexpr int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
  BufferEventHandle stream;
  if (tls_) {
    stream.reset(bufferevent_openssl_socket_new(base_.get(), fd, SSL_new(tls_.get()),
                                                BUFFEREVENT_SSL_ACCEPTING, options));
  } else {
    stream.reset(bufferevent_socket_new(base_.get(), fd, options));
  }
  if (!stream) {
    ::close(fd);
    return;
  }
  if (tls_) bufferevent_openssl_set_allow_dirty_shutdown(stream.get(), 1);
  simulator_.connection_opened();
  const std::uint64_t id = ++last_id_;
  connections_.emplace(id, std::make_unique<Connection>(id, is_loopback(peer), std::move(stream),
                                                        simulator_, *this));
}

void Server::on_accept(evconnlistener*, int fd, sockaddr* peer, int, void* self) noexcept {
  static_cast<Server*>(self)->accept(fd, peer);
}

void Server::on_reap(int, short, void* self) noexcept {
  auto& server = *static_cast<Server*>(self);
  for (const std::uint64_t id : server.doomed_) {
    if (server.connections_.erase(id) > 0) server.simulator_.connection_closed();
  }
  server.doomed_.clear();
}

void Server::on_signal(int, short, void* self) noexcept {
  event_base_loopbreak(static_cast<Server*>(self)->base_.get());
}

}  // namespace vsaproxy::simulator
