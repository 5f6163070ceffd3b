#pragma once
// What credential types share that never log in: one credential, made when the secrets are read.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

// One thread, as every Scheme.
class StaticScheme final : public Scheme {
 public:
  explicit StaticScheme(Credential credential) : credential_(std::move(credential)) {}

  base::Result<Step> start(base::Time, const Credential*) override { return credential_; }
  base::Result<Step> on_response(const LoginResponse&, base::Time) override { return credential_; }

 private:
  Credential credential_;
};

// For Field::fault of a user name.
std::string basic_user_fault(std::string_view user);

// Writes "Authorization: Basic" of a user name and a password (RFC 7617, UTF-8). Errors:
// configuration, for what that format can't carry; the keys are named, never the values.
struct BasicPair {
  std::string_view user_key;
  std::string_view user;
  std::string_view password_key;
  std::string_view password;
};
base::Result<std::unique_ptr<Scheme>> static_basic(const BasicPair& pair);

}  // namespace vsaproxy::auth
