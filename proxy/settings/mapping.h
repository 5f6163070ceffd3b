#pragma once
// Typed access to one mapping of the file. Whatever is wrong with a key or a value becomes a
// problem at its place, and the value that was there before (the default) stays.

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/settings/known_keys.h"
#include "proxy/settings/problems.h"
#include "proxy/settings/yaml_tree.h"

namespace vsaproxy::settings {

// A word that a key may have; nothing as value: a word that a later version will know.
template <class T>
struct Choice {
  std::string_view word;
  std::optional<T> value;
};

class Mapping {
 public:
  // Reports a node that is no mapping, and keys that are unknown, not supported yet, repeated or
  // without a value. `where` ends a message: `in upstream "vsa"`. All three must outlive this.
  Mapping(const YamlNode& node, std::string where, std::span<const Key> keys, Problems& problems);

  Problems& problems() const { return problems_; }
  const std::string& where() const { return where_; }
  const Spot& spot() const { return node_.key.empty() ? node_.spot : node_.key_spot; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Also if there is something wrong with it.
  bool is_written(std::string_view key) const;
  // nullptr if the key is absent, repeated or without a value.
  const YamlNode* find(std::string_view key) const;
  // The same, and a problem if the key isn't written at all. The fix says what to write.
  const YamlNode* need(std::string_view key, std::string_view fix) const;

  // Each leaves `out` alone if the key is absent or its value wrong.
  void read(std::string_view key, bool& out) const;
  void read(std::string_view key, base::Duration& out) const;
  void read_text(std::string_view key, std::string& out) const;
  void read_size(std::string_view key, std::uint64_t& out) const;
  void read_rate(std::string_view key, std::optional<std::chrono::nanoseconds>& out) const;
  template <class Integer>
  void read_count(std::string_view key, Integer& out, std::uint64_t least,
                  std::uint64_t most) const {
    if (const auto count = count_of(key, least, most)) out = static_cast<Integer>(*count);
  }
  template <class T>
  void read_choice(std::string_view key, T& out, std::initializer_list<Choice<T>> choices) const;
  // Nothing if the key is absent or wrong. A secret's value never gets into a problem.
  std::optional<base::SecretRef> read_secret(std::string_view key) const;
  // The entries of a list; a problem if it is none.
  std::vector<const YamlNode*> read_list(std::string_view key) const;
  // "all", "read" (GET and HEAD) or a list; empty: all.
  std::optional<std::vector<std::string>> read_methods(std::string_view key) const;

 private:
  std::optional<std::uint64_t> count_of(std::string_view key, std::uint64_t least,
                                        std::uint64_t most) const;
  void check_keys(std::span<const Key> keys);
  void report_unknown(const YamlNode& entry, std::span<const Key> keys);

  const YamlNode& node_;
  std::string where_;
  Problems& problems_;
  std::vector<const YamlNode*> usable_;
};

// Adds a problem: the quoted key of the node (if it has one), a space, and the message.
void complain(const YamlNode& node, std::string_view message, Problems& problems);

// The text of a scalar: not empty, on one line, without control characters. Nothing, with a
// problem, otherwise.
std::optional<std::string> text_of(const YamlNode& node, Problems& problems);

// "a, b or c".
std::string alternatives(const std::vector<std::string_view>& words);

// "must be one of ..." with the nearest, or "... is not supported yet".
void report_choice(const YamlNode& node, const std::vector<std::string_view>& words, bool is_later,
                   Problems& problems);

// The entries of a mapping whose keys are names that the user chose: checked for their characters
// and for repetition. Not for names that don't come from a key.
std::vector<const YamlNode*> named_entries(const YamlNode& node, Problems& problems);
// Letters, digits, "-", "_" and ".", at most 64.
bool is_name(std::string_view text);
void report_bad_name(const Spot& spot, Problems& problems);

template <class T>
std::optional<T> choice_of(const YamlNode& node, std::span<const Choice<T>> choices,
                           Problems& problems) {
  std::vector<std::string_view> words;
  bool is_later = false;
  for (const Choice<T>& choice : choices) {
    if (node.is_scalar() && node.text == choice.word) {
      if (choice.value) return choice.value;
      is_later = true;
    }
    if (choice.value) words.push_back(choice.word);
  }
  report_choice(node, words, is_later, problems);
  return std::nullopt;
}

template <class T>
void Mapping::read_choice(std::string_view key, T& out,
                          std::initializer_list<Choice<T>> choices) const {
  const YamlNode* node = find(key);
  if (!node) return;
  const auto chosen = choice_of(*node, std::span<const Choice<T>>(choices), problems_);
  if (chosen) out = *chosen;
}

}  // namespace vsaproxy::settings
