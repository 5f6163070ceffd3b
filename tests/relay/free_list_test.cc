#include "proxy/relay/free_list.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace vsaproxy::relay {
namespace {

// As many users at once; their memory is the list's afterwards.
void use_at_once(FreeList<int>& list, int many) {
  std::vector<std::unique_ptr<int>> taken;
  for (int i = 0; i < many; ++i) {
    auto one = list.take();
    taken.push_back(one != nullptr ? std::move(one) : std::make_unique<int>(i));
  }
  for (auto& one : taken) list.put(std::move(one));
}

TEST_CASE("what was given back last is taken first, and nothing from an empty list") {
  FreeList<int> list(10);
  CHECK(list.take() == nullptr);
  list.put(std::make_unique<int>(1));
  list.put(std::make_unique<int>(2));
  CHECK(*list.take() == 2);
  CHECK(*list.take() == 1);
  CHECK(list.take() == nullptr);
}

TEST_CASE("a free list keeps no more than its limit") {
  FreeList<int> list(3);
  use_at_once(list, 5);
  list.drop_unused();
  CHECK(list.drop_unused() == 3);
}

TEST_CASE("what was in use at once in an interval is kept for the next, the rest is freed") {
  FreeList<int> list(100);
  use_at_once(list, 20);
  CHECK(list.drop_unused() == 0);
  use_at_once(list, 3);
  use_at_once(list, 5);
  use_at_once(list, 4);
  CHECK(list.drop_unused() == 15);
  use_at_once(list, 5);
  CHECK(list.drop_unused() == 0);
  CHECK(list.drop_unused() == 5);
  CHECK(list.empty());
  CHECK(list.drop_unused() == 0);
}

}  // namespace
}  // namespace vsaproxy::relay
