#pragma once
// Gathers what is wrong with a file, so that one run reports it all. Owned by one call of
// parse_settings().

#include <string>
#include <string_view>
#include <vector>

#include "proxy/settings/parse_settings.h"

namespace vsaproxy::settings {

// A marked piece of a line. Lengths are in characters.
struct Spot {
  base::Place place = {1, 1};
  std::size_t length = 1;
};

class Problems {
 public:
  // More than a person reads; a file of nonsense must not cost more than that.
  static constexpr std::size_t most = 50;

  void add(const Spot& spot, std::string message);
  bool empty() const { return problems_.empty(); }
  std::size_t size() const { return problems_.size(); }
  // In the order of the file, without repetitions.
  std::vector<Problem> take();

 private:
  std::vector<Problem> problems_;
};

// A word of the file in quotes, for a message. Whatever doesn't look like a name, a number or an
// address is cut off: it might be a misplaced secret.
std::string quote(std::string_view word);

// ` (did you mean "upstreams"?)`, or "" if no candidate is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

// How many letters must be added, removed, changed or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace vsaproxy::settings
