#include "proxy/http/fields.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/text.h"

namespace vsaproxy::http {

namespace {

// Holds the additions to a usual head, so that most requests need one block.
constexpr std::size_t smallest_block = 512;
// Longer heads are rare: their memory is not kept.
constexpr std::size_t largest_kept_block = 8 * 1024;

}  // namespace

Fields Fields::clone() const {
  Fields copy;
  std::size_t bytes = 0;
  for (const Field& field : fields_) bytes += field.name.size() + field.value.size() + 4;
  copy.reserve(bytes);
  copy.fields_.reserve(fields_.size());
  for (const Field& field : fields_) copy.add(field.name, field.value);
  return copy;
}

const Field* Fields::search(std::string_view name, std::uint8_t mark) const {
  for (const Field& field : fields_) {
    if (field.mark == mark && base::equals_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::size_t Fields::count(std::string_view name) const {
  const std::uint8_t mark = mark_of(name);
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [&](const Field& field) {
        return field.mark == mark && base::equals_ignoring_case(field.name, name);
      }));
}

bool Fields::search_list(std::string_view name, std::string_view token) const {
  for (const Field& field : fields_) {
    if (!base::equals_ignoring_case(field.name, name)) continue;
    for (ListItems items(field.value); const auto item = items.next();) {
      if (base::equals_ignoring_case(*item, token)) return true;
    }
  }
  return false;
}

void Fields::add(std::string_view name, std::string_view value) {
  add_kept(keep_line(name, value));
}

std::string_view Fields::adopt(std::string_view bytes) {
  const std::string_view copy = keep(bytes);
  const auto moved = [&](std::string_view text) {
    return std::string_view(copy.data() + (text.data() - bytes.data()), text.size());
  };
  for (Field& field : fields_) {
    field.name = moved(field.name);
    field.value = moved(field.value);
  }
  return copy;
}

void Fields::set(std::string_view name, std::string_view value) {
  const auto same = [&](const Field& field) {
    return base::equals_ignoring_case(field.name, name);
  };
  const auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) return add(name, value);
  *first = keep_line(first->name, value);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

void Fields::set_value(std::size_t index, std::string_view value) {
  fields_[index] = keep_line(fields_[index].name, value);
}

void Fields::remove(std::string_view name) {
  if (!marks_.has(mark_of(name))) return;
  remove_if([&](const Field& field) { return base::equals_ignoring_case(field.name, name); });
}

void Fields::clear() {
  fields_.clear();
  marks_ = {};
  // The newest block is the largest. Only one is kept, so that repeated use ends with one block
  // that is large enough and no allocation.
  if (blocks_.size() > 1) blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  if (blocks_.empty()) return;
  if (blocks_.front().capacity > largest_kept_block) {
    blocks_.clear();
  } else {
    blocks_.front().used = 0;
  }
}

void Fields::release_memory() {
  // Assigning an empty vector may keep the memory.
  std::vector<Field>().swap(fields_);
  marks_ = {};
  std::vector<Block>().swap(blocks_);
}

std::string_view Fields::keep(std::string_view text) {
  if (text.empty()) return {};
  char* const begin = take(text.size());
  std::memcpy(begin, text.data(), text.size());
  return {begin, text.size()};
}

Field Fields::keep_line(std::string_view name, std::string_view value) {
  char* const begin = take(name.size() + value.size() + 4);
  char* end = std::copy(name.begin(), name.end(), begin);
  *end++ = ':';
  *end++ = ' ';
  char* const begin_of_value = end;
  end = std::copy(value.begin(), value.end(), end);
  *end++ = '\r';
  *end = '\n';
  return {{begin, name.size()}, {begin_of_value, value.size()}, true};
}

char* Fields::take(std::size_t bytes) {
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().used < bytes) reserve(bytes);
  Block& block = blocks_.back();
  char* const begin = block.bytes.get() + block.used;
  block.used += bytes;
  return begin;
}

void Fields::reserve(std::size_t bytes) {
  const std::size_t doubled = blocks_.empty() ? smallest_block : 2 * blocks_.back().capacity;
  Block block;
  block.capacity = std::max(doubled, bytes);
  block.bytes = std::make_unique_for_overwrite<char[]>(block.capacity);
  blocks_.push_back(std::move(block));
}

std::optional<std::string_view> ListItems::next() {
  while (!rest_.empty()) {
    const std::size_t comma = std::min(rest_.find(','), rest_.size());
    const std::string_view item = base::trim(rest_.substr(0, comma));
    rest_.remove_prefix(std::min(comma + 1, rest_.size()));
    if (!item.empty()) return item;
  }
  return std::nullopt;
}

}  // namespace vsaproxy::http
