#include "tests/relay/memory_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/support/ensure.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t longest_held = 2048;

}  // namespace

void MemoryPeer::send(std::string_view bytes) {
  to_proxy_.append(bytes);
  if (stream_ != nullptr) stream_->announce();
}

void MemoryPeer::end() {
  has_ended_ = true;
  if (stream_ != nullptr) stream_->announce();
}

void MemoryPeer::fail() {
  has_failed_ = true;
  if (stream_ == nullptr) return;
  stream_->announce();
  stream_->break_down();
}

std::string MemoryPeer::take() {
  std::string fresh = received_.substr(taken_);
  taken_ = received_.size();
  return fresh;
}

void MemoryPeer::set_window(std::size_t bytes) {
  window_ = bytes;
  if (stream_ != nullptr) stream_->drain();
}

MemoryStream::MemoryStream(net::EventLoop& loop, PeerPtr peer)
    : loop_(loop), peer_(std::move(peer)), self_(std::make_shared<MemoryStream*>(this)) {
  peer_->stream_ = this;
}

MemoryStream::~MemoryStream() {
  MemoryStream::push();
  peer_->stream_ = nullptr;
  peer_->is_closed_ = true;
}

void MemoryStream::set_handler(net::StreamHandler* handler) {
  handler_ = handler;
  announce();
}

bool MemoryStream::is_readable() const {
  return !peer_->to_proxy_.empty() || peer_->has_ended_ || peer_->has_failed_;
}

// As a poll on a socket does it: again and again while there is something.
void MemoryStream::announce() {
  if (is_announced_ || handler_ == nullptr || !is_reading_ || !is_readable()) return;
  is_announced_ = true;
  loop_.post([weak = std::weak_ptr<MemoryStream*>(self_)] {
    if (const auto alive = weak.lock()) (*alive)->run_announced();
  });
}

void MemoryStream::run_announced() {
  is_announced_ = false;
  if (handler_ == nullptr || !is_reading_ || !is_readable()) return;
  const std::weak_ptr<MemoryStream*> weak = self_;
  handler_->on_readable();
  if (!weak.expired()) announce();
}

net::ReadResult MemoryStream::read(std::span<char> into) {
  std::string& source = peer_->to_proxy_;
  if (!source.empty()) {
    const std::size_t n = std::min({into.size(), source.size(), peer_->piece_});
    std::memcpy(into.data(), source.data(), n);
    source.erase(0, n);
    return {net::IoStatus::ok, n};
  }
  if (peer_->has_failed_) return {net::IoStatus::failed, 0};
  if (peer_->has_ended_) return {net::IoStatus::end, 0};
  return {net::IoStatus::would_block, 0};
}

void MemoryStream::announce_end() { peer_->announcement_ = MemoryPeer::Announcement::made; }

void MemoryStream::note_write() {
  using Announcement = MemoryPeer::Announcement;
  Announcement& announcement = peer_->announcement_;
  if (announcement == Announcement::none) return;
  announcement = announcement == Announcement::made ? Announcement::written : Announcement::broken;
  loop_.post([peer = peer_] {
    if (peer->announcement_ == Announcement::written) peer->announcement_ = Announcement::broken;
  });
}

bool MemoryStream::write(std::span<const std::string_view> parts) {
  const bool ends_soon = peer_->announcement_ == MemoryPeer::Announcement::made;
  note_write();
  if (is_broken_) return false;
  std::string bytes;
  for (const std::string_view part : parts) bytes.append(part);
  if (kept_.empty() && !ends_soon && !is_finishing_ && bytes.size() <= longest_held) {
    put_off(bytes);
    return true;
  }
  push();
  return write_through(bytes);
}

bool MemoryStream::write_through(std::string_view bytes) {
  is_broken_ = is_broken_ || peer_->has_failed_;
  if (!is_broken_) deliver(bytes);
  return !is_broken_;
}

// As a socket does it with little: sent at the end of the turn, when what is buried goes.
void MemoryStream::put_off(std::string_view bytes) {
  held_.append(bytes);
  if (std::exchange(is_put_off_, true)) return;
  struct TurnEnd {
    std::weak_ptr<MemoryStream*> stream;
    ~TurnEnd() {
      const auto alive = stream.lock();
      if (!alive) return;
      (*alive)->is_put_off_ = false;
      (*alive)->push();
    }
  };
  loop_.destroy_later(std::unique_ptr<TurnEnd>(new TurnEnd{self_}));
}

void MemoryStream::push() {
  if (held_.empty()) return;
  const std::string bytes = std::exchange(held_, {});
  if (is_broken_) return;
  if (!peer_->has_failed_) return deliver(bytes);
  is_broken_ = true;
  tell_of_loss();
}

std::size_t MemoryStream::undelivered() const {
  ensure(held_.empty(), "undelivered() comes behind push()");
  return kept_.size() + peer_->unconfirmed_;
}

void MemoryStream::deliver(std::string_view bytes) {
  const std::size_t n = kept_.empty() ? std::min(bytes.size(), peer_->window_) : 0;
  peer_->received_.append(bytes.substr(0, n));
  if (peer_->window_ != MemoryPeer::unlimited) peer_->window_ -= n;
  kept_.append(bytes.substr(n));
}

void MemoryStream::drain() {
  if (kept_.empty()) return;
  const std::size_t n = std::min(kept_.size(), peer_->window_);
  peer_->received_.append(kept_, 0, n);
  if (peer_->window_ != MemoryPeer::unlimited) peer_->window_ -= n;
  kept_.erase(0, n);
  if (!kept_.empty()) return;
  if (is_finishing_) peer_->was_ended_ = true;
  loop_.post([weak = std::weak_ptr<MemoryStream*>(self_)] {
    const auto alive = weak.lock();
    if (alive && (*alive)->handler_ != nullptr && (*alive)->kept_.empty()) {
      (*alive)->handler_->on_drained();
    }
  });
}

void MemoryStream::break_down() {
  if (kept_.empty()) return;
  kept_.clear();
  is_broken_ = true;
  tell_of_loss();
}

void MemoryStream::tell_of_loss() {
  loop_.post([weak = std::weak_ptr<MemoryStream*>(self_)] {
    const auto alive = weak.lock();
    if (alive && (*alive)->handler_ != nullptr) {
      (*alive)->handler_->on_failed(
          {base::ErrorKind::upstream_closed, "the peer closed while we were sending"});
    }
  });
}

void MemoryStream::set_reading(bool on) {
  is_reading_ = on;
  announce();
}

void MemoryStream::finish_writing() {
  push();
  using Announcement = MemoryPeer::Announcement;
  if (peer_->announcement_ == Announcement::written) peer_->announcement_ = Announcement::kept;
  is_finishing_ = true;
  if (kept_.empty()) peer_->was_ended_ = true;
}

}  // namespace vsaproxy::relay
