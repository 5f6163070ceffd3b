#pragma once
// A stream whose other side is the test: bytes in, bytes out, and everything that a peer can do to
// a connection. One thread, like the loop it belongs to.

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/event_loop.h"
#include "proxy/net/stream.h"

namespace vsaproxy::relay {

class MemoryStream;

// The test's side; it outlives the stream.
class MemoryPeer {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  // To the proxy.
  void send(std::string_view bytes);
  // The same, but the proxy is not told: others are read before.
  void send_behind_others(std::string_view bytes) { to_proxy_.append(bytes); }
  void end();
  // What was sent before is still read, then the connection is broken both ways.
  void fail();
  // The same, but the proxy is not told: a write finds out.
  void fail_unnoticed() { has_failed_ = true; }

  // What came from the proxy: all of it, or what came since the last take().
  const std::string& received() const { return received_; }
  std::string take();

  // How many bytes it still takes before the proxy's writes are kept back. Unlimited at first.
  void set_window(std::size_t bytes);
  // So many bytes of what it took are not confirmed to the proxy.
  void set_unconfirmed(std::size_t bytes) { unconfirmed_ = bytes; }
  // The proxy reads at most so many bytes at once.
  void set_piece(std::size_t bytes) { piece_ = bytes; }
  // What was sent and is not read by the proxy yet.
  std::size_t unread() const { return to_proxy_.size(); }

  // What the proxy did.
  bool is_closed() const { return is_closed_; }
  bool was_reset() const { return was_reset_; }
  bool was_ended() const { return was_ended_; }
  // Its end was announced before the last write, and came in the same call of a handler.
  bool was_announced() const { return announcement_ == Announcement::kept; }

 private:
  friend class MemoryStream;

  MemoryStream* stream_ = nullptr;
  std::string to_proxy_;
  std::string received_;
  std::size_t taken_ = 0;
  std::size_t unconfirmed_ = 0;
  enum class Announcement { none, made, written, kept, broken };
  Announcement announcement_ = Announcement::none;
  std::size_t window_ = unlimited;
  std::size_t piece_ = unlimited;
  bool has_ended_ = false;
  bool has_failed_ = false;
  bool is_closed_ = false;
  bool was_reset_ = false;
  bool was_ended_ = false;
};

using PeerPtr = std::shared_ptr<MemoryPeer>;

class MemoryStream final : public net::Stream {
 public:
  MemoryStream(net::EventLoop& loop, PeerPtr peer);
  ~MemoryStream() override;
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;

  void set_handler(net::StreamHandler* handler) override;
  net::ReadResult read(std::span<char> into) override;
  bool write(std::span<const std::string_view> parts) override;
  void push() override;
  // Ahead of what write() put off. False if the stream is broken.
  bool write_through(std::string_view bytes);
  void announce_end() override;
  std::size_t unsent() const override { return kept_.size(); }
  std::size_t undelivered() const override;
  void set_reading(bool on) override;
  void finish_writing() override;
  void reset_on_close() override { peer_->was_reset_ = true; }
  std::vector<std::string> peer_dns_names() const override { return peer_dns_names_; }
  void set_peer_dns_names(std::vector<std::string> names) { peer_dns_names_ = std::move(names); }

 private:
  friend class MemoryPeer;

  bool is_readable() const;
  void announce();
  void run_announced();
  void break_down();
  void tell_of_loss();
  void put_off(std::string_view bytes);
  void deliver(std::string_view bytes);
  void note_write();
  void drain();

  net::EventLoop& loop_;
  PeerPtr peer_;
  net::StreamHandler* handler_ = nullptr;
  std::string kept_;
  std::string held_;
  std::vector<std::string> peer_dns_names_;
  bool is_reading_ = true;
  bool is_announced_ = false;
  bool is_finishing_ = false;
  bool is_put_off_ = false;
  bool is_broken_ = false;
  std::shared_ptr<MemoryStream*> self_;  // posted work holds it weakly
};

}  // namespace vsaproxy::relay
