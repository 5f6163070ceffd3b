#pragma once
// Memory for later: what is not in use now, as much of it as was in use at once lately. One thread.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace vsaproxy::relay {

template <class T>
class FreeList {
 public:
  // More than that many are not kept.
  explicit FreeList(std::size_t most) : most_(most) {}

  // The one put last; null if there is none.
  std::unique_ptr<T> take() {
    if (free_.empty()) return nullptr;
    auto last = std::move(free_.back());
    free_.pop_back();
    least_ = std::min(least_, free_.size());
    return last;
  }

  void put(std::unique_ptr<T> one) {
    if (free_.size() < most_) free_.push_back(std::move(one));
  }

  // Frees those that nobody needed since the last call, which is at regular intervals, and says how
  // many: the last put is taken first, so they are at the front.
  std::size_t drop_unused() {
    const std::size_t unused = least_;
    free_.erase(free_.begin(), std::next(free_.begin(), static_cast<std::ptrdiff_t>(unused)));
    least_ = free_.size();
    if (free_.empty()) free_.shrink_to_fit();
    return unused;
  }

  bool empty() const { return free_.empty(); }

 private:
  std::size_t most_;
  std::vector<std::unique_ptr<T>> free_;
  std::size_t least_ = 0;  // there have been so many at all times since drop_unused()
};

}  // namespace vsaproxy::relay
