#include "proxy/relay/edited_pieces.h"

#include <algorithm>

namespace vsaproxy::relay {

void EditedPieces::start(std::string_view text, const std::vector<auth::TokenPlace>& places,
                         std::string_view insert) {
  text_ = text;
  places_ = &places;
  insert_ = insert;
  place_ = 0;
  stage_ = Stage::text;
  rest_ = stage_text();
  if (rest_.empty()) enter_next_stage();
}

std::string_view EditedPieces::stage_text() const {
  const bool is_last = place_ == places_->size();
  switch (stage_) {
    case Stage::text: {
      const std::size_t begin =
          place_ == 0 ? 0 : (*places_)[place_ - 1].offset + (*places_)[place_ - 1].length;
      const std::size_t end = is_last ? text_.size() : (*places_)[place_].offset;
      return text_.substr(begin, end - begin);
    }
    case Stage::before:
      return (*places_)[place_].before;
    case Stage::insert:
      return insert_;
    case Stage::after:
      return (*places_)[place_].after;
  }
  return {};
}

// The next one that has bytes; there is none behind the last place's text.
void EditedPieces::enter_next_stage() {
  do {
    if (stage_ == Stage::text && place_ == places_->size()) {
      places_ = nullptr;
      return;
    }
    if (stage_ == Stage::after) ++place_;
    stage_ =
        stage_ == Stage::after ? Stage::text : static_cast<Stage>(static_cast<int>(stage_) + 1);
    rest_ = stage_text();
  } while (rest_.empty());
}

std::size_t EditedPieces::next(std::span<std::string_view> parts, std::size_t most) {
  std::size_t count = 0;
  while (has_more() && most > 0 && count < parts.size()) {
    const std::string_view part = rest_.substr(0, most);
    parts[count++] = part;
    most -= part.size();
    rest_.remove_prefix(part.size());
    if (rest_.empty()) enter_next_stage();
  }
  return count;
}

}  // namespace vsaproxy::relay
