#pragma once
// A text with something put into its places, in pieces: what is sent of an edited message, without
// a copy of it. Owned by who sends; one thread; pure.

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/auth/message_editor.h"

namespace vsaproxy::relay {

class EditedPieces {
 public:
  // All three must stay until the last piece is written. The places are by offset, not overlapping.
  void start(std::string_view text, const std::vector<auth::TokenPlace>& places,
             std::string_view insert);
  void clear() { *this = EditedPieces(); }
  bool has_more() const { return places_ != nullptr; }
  // Fills the front of `parts` with views of what comes next, `most` bytes at most; returns how
  // many parts that took.
  std::size_t next(std::span<std::string_view> parts, std::size_t most);

 private:
  // What a place consists of: the text up to it, and what is put there.
  enum class Stage { text, before, insert, after };

  std::string_view stage_text() const;
  void enter_next_stage();

  std::string_view text_;
  const std::vector<auth::TokenPlace>* places_ = nullptr;
  std::string_view insert_;
  std::size_t place_ = 0;
  Stage stage_ = Stage::text;
  std::string_view rest_;  // of the stage
};

}  // namespace vsaproxy::relay
