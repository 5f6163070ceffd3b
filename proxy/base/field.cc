#include "proxy/base/field.h"

#include <utility>

namespace vsaproxy::base {

std::optional<std::string_view> FieldValues::text(std::string_view key) const {
  const auto found = texts_.find(key);
  if (found == texts_.end()) return std::nullopt;
  return found->second;
}

const SecretRef* FieldValues::secret(std::string_view key) const {
  const auto found = secrets_.find(key);
  return found == secrets_.end() ? nullptr : &found->second;
}

void FieldValues::set_text(std::string_view key, std::string value) {
  texts_.insert_or_assign(std::string(key), std::move(value));
}

void FieldValues::set_secret(std::string_view key, SecretRef ref) {
  secrets_.insert_or_assign(std::string(key), std::move(ref));
}

}  // namespace vsaproxy::base
