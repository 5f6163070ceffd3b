#include "proxy/net/readable_set.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vsaproxy::net {
namespace {

constexpr std::size_t largest_turn = 64;

}  // namespace

ReadableSet::ReadableSet(event_base* base, int most_in_turn)
    : set_(epoll_create1(EPOLL_CLOEXEC)),
      most_in_turn_(std::min(most_in_turn, static_cast<int>(largest_turn))) {
  if (!set_) std::abort();  // no memory or no descriptors at start
  readable_.assign(
      base, set_.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept {
        static_cast<ReadableSet*>(self)->on_readable();
      },
      this);
  event_add(readable_.get(), nullptr);
  call_.assign(
      base, -1, 0,
      [](evutil_socket_t, short, void* self) noexcept {
        static_cast<ReadableSet*>(self)->on_call();
      },
      this);
}

void ReadableSet::add(int socket, Reader& reader) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.ptr = &reader;
  epoll_ctl(set_.get(), EPOLL_CTL_ADD, socket, &wanted);
}

void ReadableSet::remove(int socket, Reader& reader) {
  epoll_ctl(set_.get(), EPOLL_CTL_DEL, socket, nullptr);
  std::replace(current_.begin(), current_.end(), &reader, static_cast<Reader*>(nullptr));
  if (reader.is_called_) std::erase(called_, &reader);
  reader.is_called_ = false;
}

void ReadableSet::call(Reader& reader) {
  if (reader.is_called_) return;
  reader.is_called_ = true;
  called_.push_back(&reader);
  if (called_.size() > 1) return;
  const timeval next_turn{};
  event_add(call_.get(), &next_turn);
}

void ReadableSet::on_readable() {
  std::array<epoll_event, largest_turn> events;
  const int found = epoll_wait(set_.get(), events.data(), most_in_turn_, 0);
  for (int i = 0; i < found; ++i) {
    current_.push_back(static_cast<Reader*>(events[static_cast<std::size_t>(i)].data.ptr));
  }
  serve_current();
}

void ReadableSet::on_call() {
  current_.swap(called_);
  for (Reader* reader : current_) reader->is_called_ = false;
  serve_current();
}

void ReadableSet::serve_current() {
  for (std::size_t i = 0; i < current_.size(); ++i) {
    if (current_[i] != nullptr) current_[i]->on_read_event();
  }
  current_.clear();
}

}  // namespace vsaproxy::net
