#pragma once
// What the tests of credential types share: values by key and one answer of a login server. For
// tests only, one thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

using Texts = std::vector<std::pair<std::string_view, std::string_view>>;

// The table's defaults, then the given texts; a reference for each secret.
inline base::FieldValues values_of(const SchemeSpec& spec, const Texts& texts,
                                   const Texts& secrets) {
  base::FieldValues values;
  for (const base::Field& field : spec.fields) {
    if (field.default_value) values.set_text(field.key, std::string(*field.default_value));
  }
  for (const auto& [key, value] : texts) values.set_text(key, std::string(value));
  for (const auto& [key, value] : secrets) {
    values.set_secret(key, {base::SecretRef::Kind::env, std::string(key), {}});
  }
  return values;
}

inline base::Result<std::unique_ptr<Scheme>> make_scheme(const SchemeSpec& spec, const Texts& texts,
                                                         const Texts& secrets,
                                                         std::uint32_t random = 0) {
  const base::FieldValues values = values_of(spec, texts, secrets);
  SchemeInput input;
  input.values = &values;
  input.random = [random] { return random; };
  for (const auto& [key, value] : secrets) {
    input.secrets.emplace(std::string(key), base::Secret(value));
  }
  return spec.make(std::move(input));
}

// The value of the named field of a login request or credential; "" if there is none.
template <class HasFields>
std::string field_value(const HasFields& message, std::string_view name) {
  for (const InjectedField& field : message.fields) {
    if (field.name == name) return std::string(field.value.reveal());
  }
  return "";
}

}  // namespace vsaproxy::auth
