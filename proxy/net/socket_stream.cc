#include "proxy/net/socket_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace vsaproxy::net {
namespace {

constexpr std::size_t max_parts = 8;
// So little is copied together: that costs less than a list of parts costs the kernel.
constexpr std::size_t most_copied = 1024;
// An emptied buffer above this is given back: an idle connection owns none.
constexpr std::size_t kept_capacity = 0;

base::Error closed_by_peer() {
  return {base::ErrorKind::upstream_closed, "the peer closed while we were sending"};
}

}  // namespace

base::Error unwatched_socket() {
  return {base::ErrorKind::overloaded,
          "the kernel watches no more sockets: see fs.epoll.max_user_watches"};
}

SocketStream::SocketStream(LibeventLoop& loop, FileDescriptor socket, Urgency urgency)
    : Reader(loop.read_turns(), socket.get(), urgency), loop_(loop), socket_(std::move(socket)) {
  watch();
}

SocketStream::~SocketStream() {
  SocketStream::push();
  unwatch();
}

ReadResult SocketStream::read(std::span<char> into) {
  if (!is_watched()) return {IoStatus::failed, 0};
  const ssize_t n = recv(socket_.get(), into.data(), into.size(), 0);
  if (n > 0) return {IoStatus::ok, static_cast<std::size_t>(n)};
  if (n == 0) return {IoStatus::end, 0};
  if (errno == EAGAIN || errno == EINTR) return {IoStatus::would_block, 0};
  return {IoStatus::failed, 0};
}

bool SocketStream::write(std::span<const std::string_view> parts) {
  if (broken_) return false;
  const bool may_wait = !ends_soon_ && !finishing_ && unsent() == 0;
  if (may_wait && loop_.outbox().take(*this, place_, parts)) return true;
  push();
  if (broken_) return false;
  const std::size_t taken = unsent() == 0 ? send_now(parts) : 0;
  if (broken_) return false;
  keep(parts, taken);
  return true;
}

void SocketStream::push() {
  if (place_.is_taken()) send_held(loop_.outbox().give_back(place_));
}

void SocketStream::send_held(std::string_view bytes) {
  if (broken_) return;  // which was told
  const std::size_t taken = unsent() == 0 ? send_now({&bytes, 1}) : 0;
  if (!broken_) return keep({&bytes, 1}, taken);
  has_lost_held_ = true;
  call_later();
}

void SocketStream::keep(std::span<const std::string_view> parts, std::size_t taken) {
  for (const std::string_view part : parts) {
    const std::size_t skip = std::min(taken, part.size());
    taken -= skip;
    if (skip < part.size()) unsent_.append(part.substr(skip));
  }
  if (unsent() > 0) want_write_event();
}

void SocketStream::want_write_event() {
  if (!write_event_) {
    write_event_ = std::make_unique<Event>();
    write_event_->assign(
        loop_.base(), socket_.get(), EV_WRITE,
        [](evutil_socket_t, short, void* self) noexcept {
          static_cast<SocketStream*>(self)->on_write_event();
        },
        this);
  }
  if (event_add(write_event_->get(), nullptr) == 0) return;
  is_unwatched_for_writing_ = true;
  broken_ = true;
  call_later();
}

std::size_t SocketStream::send_now(std::span<const std::string_view> parts) {
  std::array<iovec, max_parts> vectors;
  std::size_t count = 0, size = 0;
  for (const std::string_view part : parts.first(std::min(parts.size(), max_parts))) {
    if (part.empty()) continue;
    vectors[count++] = {.iov_base = const_cast<char*>(part.data()), .iov_len = part.size()};
    size += part.size();
  }
  if (count == 0) return 0;
  if (count == 1) {
    return note_sent(send(socket_.get(), vectors[0].iov_base, vectors[0].iov_len, send_flags()));
  }
  if (size <= most_copied) {
    std::array<char, most_copied> copy;
    char* end = copy.data();
    for (const iovec& part : std::span(vectors).first(count)) {
      end = std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len, end);
    }
    return note_sent(send(socket_.get(), copy.data(), size, send_flags()));
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return note_sent(sendmsg(socket_.get(), &message, send_flags()));
}

// What MSG_MORE holds back shutdown() sends.
int SocketStream::send_flags() const { return ends_soon_ ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL; }

// What a sending call returned, as the bytes that were taken.
std::size_t SocketStream::note_sent(ssize_t n) {
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) broken_ = true;
  return 0;
}

void SocketStream::flush() {
  const std::string_view rest = std::string_view(unsent_).substr(sent_);
  sent_ += send_now({&rest, 1});
  if (broken_) {
    lose_unsent(closed_by_peer());
    return;
  }
  if (kept() > 0) {
    want_write_event();
    return;
  }
  unsent_.clear();
  sent_ = 0;
  if (unsent_.capacity() > kept_capacity) std::string().swap(unsent_);
  if (finishing_ && !try_to_end()) return;
  handler_->on_drained();
}

void SocketStream::lose_unsent(const base::Error& error) {
  unsent_.clear();
  sent_ = 0;
  owes_end_ = false;
  handler_->on_failed(error);
}

void SocketStream::on_read_event() {
  if (handler_ == nullptr) return;
  if (is_unwatched_for_writing_ && unsent() > 0) return lose_unsent(unwatched_socket());
  if (std::exchange(has_lost_held_, false)) return lose_unsent(closed_by_peer());
  handler_->on_readable();
}

void SocketStream::on_write_event() {
  if (handler_ != nullptr) flush();
}

void SocketStream::set_reading(bool on) {
  if (on == reading_) return;
  reading_ = on;
  if (on) {
    watch();
  } else {
    unwatch();
  }
}

void SocketStream::finish_writing() {
  push();
  finishing_ = true;
  if (unsent() == 0) try_to_end();
}

bool SocketStream::try_to_end() {
  owes_end_ = !end_sending();
  if (owes_end_) want_write_event();
  return !owes_end_;
}

bool SocketStream::end_sending() {
  shutdown(socket_.get(), SHUT_WR);
  return true;
}

std::size_t SocketStream::undelivered() const {
  pollfd state{.fd = socket_.get(), .events = 0, .revents = 0};
  // A connection that is gone keeps the number of what it lost.
  if (poll(&state, 1, 0) != 0) return 0;
  int in_kernel = 0;
  if (ioctl(socket_.get(), SIOCOUTQ, &in_kernel) != 0) return 0;
  return unsent() + static_cast<std::size_t>(in_kernel);
}

void SocketStream::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<base::Error> SocketStream::failure() const {
  if (is_watched() && !is_unwatched_for_writing_) return std::nullopt;
  return unwatched_socket();
}

}  // namespace vsaproxy::net
