#include "proxy/settings/known_keys.h"

#include <algorithm>
#include <string>

#include "proxy/auth/scheme_list.h"
#include "proxy/base/text.h"
#include "proxy/settings/problems.h"

namespace vsaproxy::settings {
namespace {

// Every secret of the file format, those of later credential types included.
constexpr std::string_view secret_keys[] = {
    "token",  "password", "token_secret",  "token_id",      "api_key", "private_key", "totp",
    "secret", "value",    "client_secret", "refresh_token", "key",     "keys",        "hash",
    "pass",   "passwd",   "pwd",           "pat",           "pin",     "client_key"};

// Parts of a name that no harmless key has.
constexpr std::string_view secret_parts[] = {"pass",   "secret",     "token",       "pwd",
                                             "apikey", "privatekey", "credential_", "auth_"};

constexpr std::string_view harmless_keys[] = {"password_formula", "token_url", "auth",
                                              "credentials", "page_paths"};

template <class Range>
bool contains(const Range& range, std::string_view word) {
  return std::find(std::begin(range), std::end(range), word) != std::end(range);
}

bool is_in(std::span<const Key> keys, std::string_view word) {
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.name == word; });
}

bool is_harmless_field(std::string_view word) {
  for (const auth::SchemeSpec* spec : auth::all_schemes()) {
    for (const base::Field& field : spec->fields) {
      if (field.key == word && field.type != base::FieldType::secret) return true;
    }
  }
  return contains(harmless_keys, word);
}

bool is_harmless_key(std::string_view word) {
  constexpr std::span<const Key> tables[] = {
      file_keys,           listener_keys, browsers_keys,     socket_keys,   clients_keys,
      certificate_keys,    cache_keys,    credential_keys,   backoff_keys,  login_budget_keys,
      check_keys,          upstream_keys, upstream_tls_keys, timeouts_keys, pool_keys,
      request_limits_keys, replay_keys,   route_keys,        rule_keys,     match_keys,
      limits_keys,         admin_keys,    log_keys,          output_keys,   access_keys};
  return std::any_of(std::begin(tables), std::end(tables),
                     [&](std::span<const Key> keys) { return is_in(keys, word); });
}

}  // namespace

bool may_hold_secret(std::string_view key) {
  std::string word = base::lower(key);
  std::replace(word.begin(), word.end(), '-', '_');
  if (contains(secret_keys, word)) return true;
  if (is_harmless_key(word) || is_harmless_field(word)) return false;
  if (std::any_of(std::begin(secret_parts), std::end(secret_parts),
                  [&](std::string_view part) { return word.find(part) != std::string::npos; })) {
    return true;
  }
  if (word.size() < 4 || word.size() > 32) return false;
  return std::any_of(std::begin(secret_keys), std::end(secret_keys), [&](std::string_view secret) {
    const bool near = word.size() <= secret.size() + 2 && secret.size() <= word.size() + 2;
    return secret.size() > 4 && near && edit_distance(word, secret) <= 2;
  });
}

}  // namespace vsaproxy::settings
