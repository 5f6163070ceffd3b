#include "proxy/relay/deadline.h"

#include <algorithm>

namespace vsaproxy::relay {

DeadlineQueue::DeadlineQueue(net::EventLoop& loop)
    : loop_(loop), timer_(loop.make_timer([this] { on_timer(); })) {}

void DeadlineQueue::put(std::size_t index, Deadline& deadline) {
  heap_[index] = &deadline;
  deadline.index_ = index;
}

void DeadlineQueue::sift_up(std::size_t index, Deadline& deadline) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->placed_for_ <= deadline.placed_for_) break;
    put(index, *heap_[parent]);
    index = parent;
  }
  put(index, deadline);
}

void DeadlineQueue::sift_down(std::size_t index, Deadline& deadline) {
  while (true) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->placed_for_ < heap_[child]->placed_for_) {
      ++child;
    }
    if (deadline.placed_for_ <= heap_[child]->placed_for_) break;
    put(index, *heap_[child]);
    index = child;
  }
  put(index, deadline);
}

void DeadlineQueue::place(Deadline& deadline) {
  deadline.placed_for_ = deadline.due_;
  if (deadline.index_ == Deadline::nowhere) {
    heap_.push_back(&deadline);
    deadline.index_ = heap_.size() - 1;
  }
  sift_up(deadline.index_, deadline);
  arm();
}

void DeadlineQueue::take_out(Deadline& deadline) {
  const std::size_t hole = std::exchange(deadline.index_, Deadline::nowhere);
  Deadline& last = *heap_.back();
  heap_.pop_back();
  if (&last == &deadline) return;
  if (hole > 0 && last.placed_for_ < heap_[(hole - 1) / 2]->placed_for_) {
    sift_up(hole, last);
  } else {
    sift_down(hole, last);
  }
}

void DeadlineQueue::arm() {
  if (heap_.empty() || heap_.front()->placed_for_ >= armed_for_) return;
  armed_for_ = heap_.front()->placed_for_;
  const auto wait = std::chrono::ceil<net::Duration>(armed_for_ - loop_.now());
  timer_->start(std::max(wait, net::Duration::zero()));
}

// The timer may have fired a little early, and what is due may have been moved.
void DeadlineQueue::on_timer() {
  armed_for_ = net::Time::max();
  while (!heap_.empty() && heap_.front()->placed_for_ <= loop_.now()) {
    Deadline& first = *heap_.front();
    take_out(first);
    if (!first.is_set_) continue;
    if (first.due_ > loop_.now()) {
      place(first);
      continue;
    }
    first.is_set_ = false;
    first.on_reached_(first.owner_);
  }
  arm();
}

Deadline::~Deadline() {
  if (index_ != nowhere) queue_.take_out(*this);
}

void Deadline::set(net::Duration from_now) {
  due_ = queue_.loop_.now() + from_now;
  is_set_ = true;
  if (index_ == nowhere || due_ < placed_for_) queue_.place(*this);
}

}  // namespace vsaproxy::relay
