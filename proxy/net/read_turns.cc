#include "proxy/net/read_turns.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <span>
#include <utility>

namespace vsaproxy::net {
namespace {

constexpr timeval in_next_turn{};
constexpr std::size_t most_in_look = 64;

}  // namespace

void ReadTurns::Link::leave() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = this;
}

void ReadTurns::Link::enter_before(Link& place) {
  previous_ = place.previous_;
  next_ = &place;
  previous_->next_ = this;
  place.previous_ = this;
}

void ReadTurns::Link::take_all(Link& head) {
  if (head.is_alone()) return;
  Link& first = *head.next_;
  Link& last = *head.previous_;
  head.next_ = head.previous_ = &head;
  first.previous_ = previous_;
  last.next_ = this;
  previous_->next_ = &first;
  previous_ = &last;
}

ReadTurns::Reader::Reader(ReadTurns& turns, int socket, Urgency urgency)
    : turns_(turns), socket_(socket), urgency_(urgency) {}

void ReadTurns::Reader::watch() {
  const bool is_in_loop =
      urgency_ == Urgency::goes_on || turns_.beginning_in_loop_ < turns_.limits_.in_loop;
  is_watched_ = is_in_loop ? watch_in_loop() : watch_in_crowd();
  if (!is_watched_) call_later();
}

bool ReadTurns::Reader::watch_in_loop() {
  if (!readable_) {
    readable_ = std::make_unique<Event>();
    readable_->assign(
        turns_.base_, socket_, EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) noexcept {
          auto& reader = *static_cast<Reader*>(self);
          reader.turns_.on_readable(reader);
        },
        this);
  }
  if (event_add(readable_->get(), nullptr) != 0) return false;
  watch_ = Watch::loop;
  if (urgency_ == Urgency::begins) ++turns_.beginning_in_loop_;
  return true;
}

bool ReadTurns::Reader::watch_in_crowd() {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.ptr = this;
  if (epoll_ctl(turns_.crowd_.get(), EPOLL_CTL_ADD, socket_, &wanted) != 0) return false;
  watch_ = Watch::crowd;
  return true;
}

void ReadTurns::Reader::unwatch() {
  switch (std::exchange(watch_, Watch::none)) {
    case Watch::loop:
      event_del(readable_->get());
      if (urgency_ == Urgency::begins) --turns_.beginning_in_loop_;
      break;
    case Watch::crowd:
      epoll_ctl(turns_.crowd_.get(), EPOLL_CTL_DEL, socket_, nullptr);
      break;
    case Watch::none:
      break;
  }
  leave();
}

void ReadTurns::Reader::call_later() {
  if (is_alone()) {
    enter_before(urgency_ == Urgency::goes_on ? turns_.going_on_ : turns_.beginning_);
  }
  // Adding it again would put off a turn that is due.
  if (event_pending(turns_.turn_.get(), EV_TIMEOUT, nullptr) != 0) return;
  event_add(turns_.turn_.get(), &in_next_turn);
}

ReadTurns::ReadTurns(event_base* base, Limits limits)
    : base_(base), limits_(limits), crowd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!crowd_) std::abort();  // no memory or no descriptors at start
  turn_.assign(
      base, -1, 0,
      [](evutil_socket_t, short, void* self) noexcept { static_cast<ReadTurns*>(self)->on_turn(); },
      this);
  crowd_readable_.assign(
      base, crowd_.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept {
        auto& turns = *static_cast<ReadTurns*>(self);
        turns.crowd_is_readable_ = true;
        turns.have_turn();
      },
      this);
  if (event_add(crowd_readable_.get(), nullptr) != 0) std::abort();
}

void ReadTurns::on_readable(Reader& reader) {
  if (reader.urgency_ == Urgency::goes_on) {
    reader.leave();
    return reader.on_read_event();
  }
  if (!reader.is_alone()) return;
  reader.enter_before(beginning_);
  have_turn();
}

// Behind all sockets that are readable in this turn of the loop, or in the next one.
void ReadTurns::have_turn() {
  if (event_pending(turn_.get(), EV_TIMEOUT, nullptr) != 0) return;
  event_active(turn_.get(), EV_TIMEOUT, 1);
}

void ReadTurns::on_turn() {
  serve(going_on_, std::numeric_limits<int>::max());
  if (std::exchange(crowd_is_readable_, false)) look_at_crowd();
  serve(beginning_, limits_.in_turn);
  if (!going_on_.is_alone() || !beginning_.is_alone()) event_add(turn_.get(), &in_next_turn);
}

// At more than are served in a turn, and those that wait are found again: so that a place in the
// crowd's own order is not a second queue, behind which the loop's readers would not have to wait.
void ReadTurns::look_at_crowd() {
  std::array<epoll_event, most_in_look> found;
  const int most = static_cast<int>(found.size());
  const int count = std::max(epoll_wait(crowd_.get(), found.data(), most, 0), 0);
  for (const epoll_event& event : std::span(found).first(static_cast<std::size_t>(count))) {
    auto& reader = *static_cast<Reader*>(event.data.ptr);
    if (reader.is_alone()) reader.enter_before(beginning_);
  }
}

void ReadTurns::serve(Link& waiting, int most) {
  Link now;
  now.take_all(waiting);
  for (int i = 0; i < most && !now.is_alone(); ++i) {
    auto& reader = static_cast<Reader&>(now.next());
    reader.leave();
    if (reader.watch_ == Reader::Watch::crowd && beginning_in_loop_ < limits_.in_loop) {
      reader.unwatch();
      reader.watch();
    }
    reader.on_read_event();
  }
  waiting.next().take_all(now);
}

}  // namespace vsaproxy::net
