#pragma once
// A dialer whose connections end in the test. One thread, like the loop it belongs to.

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/net/dialer.h"
#include "tests/relay/memory_stream.h"
#include "tests/support/ensure.h"

namespace vsaproxy::relay {

class FakeDialer final : public net::Dialer {
 public:
  enum class Mode { accept, hold };

  explicit FakeDialer(net::EventLoop& loop) : loop_(loop) {}

  std::unique_ptr<net::Dial> dial(const net::DialTarget& target,
                                  net::DialCallback callback) override {
    last_target_ = target;
    auto pending = std::make_unique<Pending>(*this, target.port, std::move(callback));
    if (mode_ == Mode::accept) {
      loop_.post([this] {
        if (waiting() > 0) accept();
      });
    }
    return pending;
  }

  // From now on connections come about by themselves, or wait for accept() and refuse().
  void set_mode(Mode mode) { mode_ = mode; }
  std::size_t waiting() const { return pending_.size(); }
  void accept(std::size_t window = MemoryPeer::unlimited) {
    ensure(!pending_.empty(), "a dial waits");
    peers_.push_back(std::make_shared<MemoryPeer>());
    peers_.back()->set_window(window);
    ports_.push_back(pending_.front()->port());
    finish(std::unique_ptr<net::Stream>(std::make_unique<MemoryStream>(loop_, peers_.back())));
  }
  void refuse(base::Error error) {
    ensure(!pending_.empty(), "a dial waits");
    finish(base::fail(std::move(error)));
  }

  // In the order in which they were made.
  const std::vector<PeerPtr>& peers() const { return peers_; }
  // The port that each of them was dialled at.
  const std::vector<std::uint16_t>& ports() const { return ports_; }
  const net::DialTarget& last_target() const { return last_target_; }

 private:
  class Pending final : public net::Dial {
   public:
    Pending(FakeDialer& dialer, std::uint16_t port, net::DialCallback callback)
        : dialer_(dialer),
          port_(port),
          callback_(std::move(callback)),
          place_(dialer.pending_.insert(dialer.pending_.end(), this)) {}
    ~Pending() override { leave(); }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    std::uint16_t port() const { return port_; }
    net::DialCallback leave() {
      if (callback_) dialer_.pending_.erase(place_);
      return std::exchange(callback_, nullptr);
    }

   private:
    FakeDialer& dialer_;
    std::uint16_t port_;
    net::DialCallback callback_;
    std::list<Pending*>::iterator place_;
  };

  void finish(base::Result<std::unique_ptr<net::Stream>> outcome) {
    const net::DialCallback callback = pending_.front()->leave();
    callback(std::move(outcome));
  }

  net::EventLoop& loop_;
  Mode mode_ = Mode::accept;
  std::list<Pending*> pending_;
  std::vector<PeerPtr> peers_;
  std::vector<std::uint16_t> ports_;
  net::DialTarget last_target_;
};

}  // namespace vsaproxy::relay
