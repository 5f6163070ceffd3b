#include "proxy/auth/schemes/static_scheme.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/auth/digest.h"

namespace vsaproxy::auth {
namespace {

// RFC 7617, 2: neither may have a control character.
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

base::Result<std::unique_ptr<Scheme>> refuse(std::string_view key, std::string_view fault) {
  return base::fail(base::ErrorKind::configuration, fmt::format("{} {}", key, fault));
}

constexpr std::string_view one_line =
    "has a line break or another control character: it must be one line of text";

}  // namespace

std::string basic_user_fault(std::string_view user) {
  if (user.find(':') != std::string_view::npos) {
    return "has a colon, which would end the user name (RFC 7617): leave it out";
  }
  return std::string(has_control(user) ? one_line : "");
}

base::Result<std::unique_ptr<Scheme>> static_basic(const BasicPair& pair) {
  if (pair.user.empty()) return refuse(pair.user_key, "is empty");
  if (pair.password.empty()) return refuse(pair.password_key, "is empty");
  if (const auto fault = basic_user_fault(pair.user); !fault.empty()) {
    return refuse(pair.user_key, fault);
  }
  if (has_control(pair.password)) return refuse(pair.password_key, one_line);
  std::string text;
  text.reserve(pair.user.size() + 1 + pair.password.size());  // one buffer, so one to wipe
  text.append(pair.user).append(":").append(pair.password);
  const base::Secret whole = base::Secret::take(std::move(text));
  Credential credential;
  credential.fields.push_back({"Authorization", basic_authorization(whole.reveal())});
  return std::make_unique<StaticScheme>(std::move(credential));
}

}  // namespace vsaproxy::auth
