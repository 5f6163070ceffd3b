#pragma once
// How a credential type describes its configuration keys: the loader reads a file by these tables,
// so a key, its default and its error message live beside the code that uses it.

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::base {

// Where a value stands in the configuration file: 1-based, as editors count.
struct Place {
  int line = 0;  // 0: written nowhere
  int column = 0;

  // What stands elsewhere is no other thing: things that have a place compare without it.
  friend bool operator==(const Place&, const Place&) { return true; }
};

// Of a secret that a program prints.
struct SecretCommand {
  std::vector<std::string> arguments;           // behind the program
  Duration timeout = std::chrono::seconds(10);  // then the program is ended
  Duration max_age = std::chrono::hours(1);     // of what it printed
  friend bool operator==(const SecretCommand&, const SecretCommand&) = default;
};

// Where a secret's value comes from; never the value itself.
struct SecretRef {
  enum class Kind { file, env, systemd, command };
  Kind kind = Kind::file;
  // Path (absolute, or relative to the configuration file), variable, credential, or the absolute
  // path of a program.
  std::string name;
  Place place;
  SecretCommand command = {};

  friend bool operator==(const SecretRef& a, const SecretRef& b) {
    return a.kind == b.kind && a.name == b.name && a.command == b.command;
  }
};

// Of a list, a map or a tree: scalars are taken as written. A tree is any value, kept as JSON text;
// in it a plain true, false, null or JSON number stays one, everything else is a string.
// A duration is kept as milliseconds, in digits.
enum class FieldType { text, path, choice, secret, list, map, tree, duration };

struct Field {
  // "request.method" is the key "method" in the mapping "request".
  std::string_view key;
  FieldType type = FieldType::text;
  bool required = false;
  // What applies when the key is absent; not for secrets, lists and maps. Empty optional: the key
  // is then absent.
  std::optional<std::string_view> default_value = {};
  std::span<const std::string_view> choices = {};  // for FieldType::choice
  // Returns the fault in a value as a sentence that names the fix, or "" if it is fine. Asked for
  // each value of a list or map.
  std::string (*fault)(std::string_view value) = nullptr;
};

using TextList = std::vector<std::string>;
using TextMap = std::vector<std::pair<std::string, std::string>>;  // in the file's order

// The values of one credential, by the keys of its type's table.
class FieldValues {
 public:
  // The value or the table's default; nullopt where there is neither.
  std::optional<std::string_view> text(std::string_view key) const;
  const SecretRef* secret(std::string_view key) const;
  // Null where the key is absent.
  const TextList* list(std::string_view key) const;
  const TextMap* map(std::string_view key) const;

  void set_text(std::string_view key, std::string value);
  void set_secret(std::string_view key, SecretRef ref);
  void set_list(std::string_view key, TextList list);
  void set_map(std::string_view key, TextMap map);
  const std::map<std::string, SecretRef, std::less<>>& secrets() const { return secrets_; }

  friend bool operator==(const FieldValues&, const FieldValues&) = default;

 private:
  std::map<std::string, std::string, std::less<>> texts_;
  std::map<std::string, SecretRef, std::less<>> secrets_;
  std::map<std::string, TextList, std::less<>> lists_;
  std::map<std::string, TextMap, std::less<>> maps_;
};

}  // namespace vsaproxy::base
