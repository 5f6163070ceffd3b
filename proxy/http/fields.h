#pragma once
// The fields of a message as a value that owns the bytes its views point to, so it may be kept and
// moved; one thread at a time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/http/name_set.h"

namespace vsaproxy::http {

// The order of the bytes on the wire is the order of fields(). Names keep their spelling and are
// compared without case (RFC 9110, 5.1).
struct Field {
  Field() = default;
  Field(std::string_view its_name, std::string_view its_value, bool is_whole_line = false)
      : name(its_name), value(its_value), mark(mark_of(its_name)), is_line(is_whole_line) {}

  std::string_view name;
  std::string_view value;  // without leading and trailing white space
  std::uint8_t mark = 0;   // of the name
  // The bytes around both are those of a line as it is sent: ": " between, CR LF behind.
  bool is_line = false;
};

// Goes through the items of a comma-separated list, without white space and without empty items
// (RFC 9110, 5.6.1). Not for lists whose items may be quoted.
class ListItems {
 public:
  explicit ListItems(std::string_view list) : rest_(list) {}
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

// The fields of a head or of a trailer section, and the bytes they live in.
class Fields {
 public:
  Fields() = default;
  Fields(Fields&&) noexcept = default;
  Fields& operator=(Fields&&) noexcept = default;
  Fields(const Fields&) = delete;  // views would point into the other's bytes: see clone()
  Fields& operator=(const Fields&) = delete;

  Fields clone() const;

  const std::vector<Field>& all() const { return fields_; }
  // The first field of that name, or nullptr. Valid until the next change.
  const Field* find(std::string_view name) const {
    const std::uint8_t mark = mark_of(name);
    return marks_.has(mark) ? search(name, mark) : nullptr;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // The first field with a name of the set, or nullptr.
  template <std::size_t size>
  const Field* find_any(const NameSet<size>& names) const {
    if (!may_have(names)) return nullptr;
    const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) {
      return names.has(field.name, field.mark);
    });
    return found == fields_.end() ? nullptr : &*found;
  }
  // False if no field has a name of the set; true proves nothing.
  template <std::size_t size>
  bool may_have(const NameSet<size>& names) const {
    return marks_.has_any_of(names.marks());
  }
  // The same for names that begin with this text, which begins with a letter.
  bool may_have_prefix(std::string_view prefix) const { return marks_.may_begin(prefix); }
  std::size_t count(std::string_view name) const;
  // True if a comma-separated list field of that name has the token, without case.
  bool list_has(std::string_view name, std::string_view token) const {
    return marks_.has(mark_of(name)) && search_list(name, token);
  }

  // Appends a copy of both texts.
  void add(std::string_view name, std::string_view value);
  // Appends without a copy: both texts must have come from keep() of this object, or be given to
  // adopt() next.
  void add_kept(const Field& field) {
    marks_.add(field.name, field.mark);
    fields_.push_back(field);
  }
  // Keeps the bytes that the texts of all fields are views into: they become views into the copy,
  // which is returned.
  std::string_view adopt(std::string_view bytes);
  // Replaces every field of that name by one.
  void set(std::string_view name, std::string_view value);
  // Gives all()[index] another value.
  void set_value(std::size_t index, std::string_view value);
  void remove(std::string_view name);
  // Removes all fields for which the predicate holds.
  template <class Predicate>
  void remove_if(Predicate&& predicate) {
    std::erase_if(fields_, predicate);
  }
  // Empties it, and keeps as much memory as a usual message needs.
  void clear();
  // Empties it and owns no heap memory any more.
  void release_memory();

  // Copies text into the head's own bytes; the view lives as long as they do.
  std::string_view keep(std::string_view text);

 private:
  // Its bytes never move, so views stay valid while more is kept.
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
    std::size_t used = 0;
  };

  void reserve(std::size_t bytes);
  char* take(std::size_t bytes);
  Field keep_line(std::string_view name, std::string_view value);
  const Field* search(std::string_view name, std::uint8_t mark) const;
  bool search_list(std::string_view name, std::string_view token) const;

  std::vector<Block> blocks_;
  std::vector<Field> fields_;
  NameMarks marks_;  // of all names that there are, and of some that there were
};

}  // namespace vsaproxy::http
