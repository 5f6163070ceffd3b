#include "proxy/net/dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/net/socket_stream.h"

namespace vsaproxy::net {
namespace {

using base::Error;
using base::ErrorKind;

// Sequentially: address after address until one connects, then the handshake on that one.
class SocketDial final : public Dial, private StreamHandler {
 public:
  SocketDial(LibeventLoop& loop, Resolver& resolver, const DialTarget& target,
             DialCallback callback)
      : loop_(loop),
        resolver_(resolver),
        target_(target),
        callback_(std::move(callback)),
        timer_(loop.make_timer([this] { on_timeout(); })) {
    request_ =
        resolver_.resolve(loop_, target_.host, target_.port, [this](base::Result<Addresses> found) {
          if (!found) return finish(base::fail(found.error()));
          addresses_ = std::move(*found);
          connect_next();
        });
  }

 private:
  void connect_next() {
    connecting_.reset();
    socket_ = FileDescriptor();
    while (next_ < addresses_.size()) {
      const SocketAddress& address = addresses_[next_++];
      socket_ = FileDescriptor(
          socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (!socket_) {
        lacks_resources(errno) ? note_exhaustion(errno) : note_failure(errno);
        continue;
      }
      const int on = 1;
      setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const int result = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                                 address.length);
      if (result != 0 && errno != EINPROGRESS) {
        note_failure(errno);
        continue;
      }
      connecting_.reset(event_new(
          loop_.base(), socket_.get(), EV_WRITE,
          [](evutil_socket_t, short, void* self) noexcept {
            static_cast<SocketDial*>(self)->on_connect_event();
          },
          this));
      if (event_add(connecting_.get(), nullptr) != 0) {
        last_error_ = unwatched_socket();
        continue;
      }
      timer_->start(target_.connect_timeout);
      return;
    }
    resolver_.distrust(target_.host);
    finish(base::fail(last_error_));
  }

  // Ours, not the upstream's: the client may try again as soon as there is room.
  void note_exhaustion(int code) {
    last_error_ = {ErrorKind::overloaded, std::string("no socket for a connection to ") +
                                              target_.host + ": " + std::strerror(code)};
  }

  void note_failure(int code) {
    last_error_ = {ErrorKind::upstream_connect, "no address of " + target_.host + " port " +
                                                    std::to_string(target_.port) +
                                                    " can be reached: " + std::strerror(code)};
  }

  void on_connect_event() {
    int code = 0;
    socklen_t size = sizeof code;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) {
      note_failure(code);
      connect_next();
      return;
    }
    connecting_.reset();
    timer_->stop();
    if (next_ > 1) resolver_.prefer(target_.host, addresses_[next_ - 1]);
    if (target_.tls == nullptr) {
      finish(std::make_unique<SocketStream>(loop_, std::move(socket_), Urgency::goes_on));
      return;
    }
    timer_->start(target_.tls_timeout);
    tls_stream_ = std::make_unique<TlsStream>(loop_, std::move(socket_), Urgency::goes_on,
                                              target_.tls->new_connection(),
                                              [this] { finish(std::move(tls_stream_)); });
    tls_stream_->set_handler(this);
  }

  void on_timeout() {
    if (tls_stream_) {
      finish(base::fail(ErrorKind::upstream_timeout, "the TLS handshake took too long"));
      return;
    }
    last_error_ = {ErrorKind::upstream_timeout, "connecting to " + target_.host + " port " +
                                                    std::to_string(target_.port) +
                                                    " took too long"};
    connect_next();
  }

  // StreamHandler, during the handshake only.
  void on_readable() override {}
  void on_drained() override {}
  void on_failed(const Error& error) override { finish(base::fail(error)); }

  void finish(base::Result<std::unique_ptr<Stream>> outcome) {
    timer_->stop();
    connecting_.reset();
    if (!outcome) loop_.destroy_later(std::move(tls_stream_));
    if (outcome) (*outcome)->set_handler(nullptr);
    std::exchange(callback_, nullptr)(std::move(outcome));
  }

  LibeventLoop& loop_;
  Resolver& resolver_;
  DialTarget target_;
  DialCallback callback_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Resolver::Request> request_;
  Addresses addresses_;
  std::size_t next_ = 0;
  FileDescriptor socket_;
  EventHandle connecting_;
  std::unique_ptr<TlsStream> tls_stream_;
  Error last_error_{ErrorKind::upstream_connect, "the name has no address"};
};

}  // namespace

std::unique_ptr<Dial> SocketDialer::dial(const DialTarget& target, DialCallback callback) {
  return std::make_unique<SocketDial>(loop_, resolver_, target, std::move(callback));
}

}  // namespace vsaproxy::net
