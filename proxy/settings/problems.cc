#include "proxy/settings/problems.h"

#include <algorithm>
#include <tuple>

#include "proxy/base/text.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t longest_word = 64;

auto order_of(const Problem& problem) {
  return std::tie(problem.place.line, problem.place.column, problem.message);
}

bool is_plain(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./[]%+*").find(c) != std::string_view::npos;
}

}  // namespace

void Problems::add(const Spot& spot, std::string message) {
  if (problems_.size() == most) return;
  if (problems_.size() == most - 1) message = "too many problems: the rest is not shown";
  problems_.push_back({spot.place, std::max<std::size_t>(spot.length, 1), std::move(message)});
}

std::vector<Problem> Problems::take() {
  const auto end = problems_.size() == most ? problems_.end() - 1 : problems_.end();
  std::stable_sort(problems_.begin(), end,
                   [](const Problem& a, const Problem& b) { return order_of(a) < order_of(b); });
  const auto same = [](const Problem& a, const Problem& b) { return order_of(a) == order_of(b); };
  problems_.erase(std::unique(problems_.begin(), end, same), end);
  return std::move(problems_);
}

std::string quote(std::string_view word) {
  const auto end = std::find_if_not(word.begin(), word.end(), is_plain);
  const auto length = std::min(static_cast<std::size_t>(end - word.begin()), longest_word);
  const auto shown = word.substr(0, length);
  return fmt::format("\"{}{}\"", shown, shown.size() == word.size() ? "" : "...");
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > longest_word) return "";
  std::size_t best = std::max<std::size_t>(word.size() / 3, 1) + 1;
  std::string_view nearest;
  for (const std::string_view candidate : candidates) {
    const auto distance = edit_distance(base::lower(word), candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the table of Damerau's distance: the one before last, the last, the one in work.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace vsaproxy::settings
