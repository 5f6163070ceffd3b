#include "proxy/net/readable_set.h"

#include <algorithm>
#include <cstdlib>

namespace vsaproxy::net {
namespace {

constexpr std::size_t first_look = 64;

}  // namespace

ReadableSet::ReadableSet(event_base* base, std::size_t most_in_turn, ReadableSet* before)
    : most_in_turn_(most_in_turn),
      before_(before),
      set_(epoll_create1(EPOLL_CLOEXEC)),
      found_(std::min(most_in_turn, first_look)) {
  if (!set_) std::abort();  // no memory or no descriptors at start
  readable_.assign(
      base, set_.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept {
        static_cast<ReadableSet*>(self)->on_turn();
      },
      this);
  if (event_add(readable_.get(), nullptr) != 0) std::abort();
  call_.assign(
      base, -1, 0,
      [](evutil_socket_t, short, void* self) noexcept {
        static_cast<ReadableSet*>(self)->on_call();
      },
      this);
}

bool ReadableSet::add(int socket, Reader& reader) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.ptr = &reader;
  return epoll_ctl(set_.get(), EPOLL_CTL_ADD, socket, &wanted) == 0;
}

void ReadableSet::remove(int socket, Reader& reader) {
  epoll_ctl(set_.get(), EPOLL_CTL_DEL, socket, nullptr);
  if (reader.place_ != Reader::nowhere) current_[reader.place_] = nullptr;
  reader.place_ = Reader::nowhere;
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

void ReadableSet::on_turn() {
  if (before_ != nullptr) before_->serve_readable();
  serve_readable();
}

void ReadableSet::on_call() {
  const auto end =
      called_.begin() + static_cast<std::ptrdiff_t>(std::min(called_.size(), most_in_turn_));
  for (auto reader = called_.begin(); reader != end; ++reader) {
    (*reader)->is_called_ = false;
    take_up(**reader);
  }
  called_.erase(called_.begin(), end);
  const timeval next_turn{};
  if (!called_.empty()) event_add(call_.get(), &next_turn);
  serve_current();
}

void ReadableSet::serve_readable() {
  const int found = epoll_wait(set_.get(), found_.data(), static_cast<int>(found_.size()), 0);
  const auto count = static_cast<std::size_t>(std::max(found, 0));
  for (std::size_t i = 0; i < count; ++i) take_up(*static_cast<Reader*>(found_[i].data.ptr));
  if (count == found_.size()) found_.resize(std::min(2 * count, most_in_turn_));
  serve_current();
}

void ReadableSet::take_up(Reader& reader) {
  reader.place_ = current_.size();
  current_.push_back(&reader);
}

void ReadableSet::serve_current() {
  for (std::size_t i = 0; i < current_.size(); ++i) {
    Reader* reader = current_[i];
    if (reader == nullptr) continue;
    reader->place_ = Reader::nowhere;
    reader->on_read_event();
  }
  current_.clear();
}

}  // namespace vsaproxy::net
