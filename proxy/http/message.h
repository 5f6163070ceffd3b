#pragma once
// The two heads of HTTP/1.1 as values: what a parser fills and a serializer writes. A head owns the
// bytes that its views point to, so it may be kept and moved; one thread at a time.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace vsaproxy::http {

// The order of the bytes on the wire is the order of fields(). Names keep their spelling and are
// compared without case (RFC 9110, 5.1).
struct Field {
  std::string_view name;
  std::string_view value;  // without leading and trailing white space
};

enum class Version : std::uint8_t { http_1_0, http_1_1 };

// How a body ends (RFC 9112, 6.3).
enum class Framing : std::uint8_t {
  none,         // there is no body
  length,       // after `length` bytes
  chunked,      // with the last chunk
  until_close,  // with the connection: answers only
};

struct BodyFraming {
  Framing kind = Framing::none;
  std::uint64_t length = 0;  // bytes; only for Framing::length

  friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
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
  const Field* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::size_t count(std::string_view name) const;
  // True if a comma-separated list field of that name has the token, without case.
  bool list_has(std::string_view name, std::string_view token) const;

  // Appends a copy of both texts.
  void add(std::string_view name, std::string_view value);
  // Appends without a copy: both texts must have come from keep() of this object.
  void add_kept(std::string_view name, std::string_view value);
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

  std::vector<Block> blocks_;
  std::vector<Field> fields_;
};

struct RequestHead {
  std::string_view method;  // kept in fields' bytes, as is target
  std::string_view target;  // as received: origin, absolute, authority or asterisk form
  Version version = Version::http_1_1;
  Fields fields;
  BodyFraming body;

  RequestHead clone() const;
  void clear();  // keeps the memory of fields
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;  // may be empty
  Version version = Version::http_1_1;
  Fields fields;
  BodyFraming body;

  ResponseHead clone() const;
  void clear();  // keeps the memory of fields
};

}  // namespace vsaproxy::http
