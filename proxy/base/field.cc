#include "proxy/base/field.h"

#include <utility>

namespace vsaproxy::base {

namespace {

template <class Map>
const typename Map::mapped_type* find(const Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<std::string_view> FieldValues::text(std::string_view key) const {
  const std::string* found = find(texts_, key);
  if (!found) return std::nullopt;
  return *found;
}

const SecretRef* FieldValues::secret(std::string_view key) const { return find(secrets_, key); }

const TextList* FieldValues::list(std::string_view key) const { return find(lists_, key); }

const TextMap* FieldValues::map(std::string_view key) const { return find(maps_, key); }

void FieldValues::set_text(std::string_view key, std::string value) {
  texts_.insert_or_assign(std::string(key), std::move(value));
}

void FieldValues::set_secret(std::string_view key, SecretRef ref) {
  secrets_.insert_or_assign(std::string(key), std::move(ref));
}

void FieldValues::set_list(std::string_view key, TextList list) {
  lists_.insert_or_assign(std::string(key), std::move(list));
}

void FieldValues::set_map(std::string_view key, TextMap map) {
  maps_.insert_or_assign(std::string(key), std::move(map));
}

}  // namespace vsaproxy::base
