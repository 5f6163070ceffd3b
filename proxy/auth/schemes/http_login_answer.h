#pragma once
// Reads what an http_login got, as its configuration says. Pure, any thread.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

enum class ExpiryForm { seconds, unix, rfc3339 };

struct AnswerRecipe {
  std::string token_pointer;  // RFC 6901; this, or
  std::string token_header;
  bool token_in_body = false;
  std::optional<std::string> expiry_pointer;
  ExpiryForm expiry_form = ExpiryForm::seconds;
  std::optional<std::chrono::milliseconds> fixed_lifetime;
  std::vector<int> rejected_status;
  std::string inject_header;
  std::string inject_value;  // with {{token}}
};

base::Result<Credential> read_http_login(const AnswerRecipe& recipe, const LoginResponse& response,
                                         base::Time now);

// As far from `now` as the text says; nullopt for no such text, the past, and beyond ten years.
std::optional<std::chrono::seconds> lifetime_of(std::string_view text, ExpiryForm form,
                                                std::chrono::sys_seconds now);

}  // namespace vsaproxy::auth
