#pragma once
// The calls that a login to a VSPC server is made of. Pure, manager thread.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/auth/schemes/veeam_vspc.h"

namespace vsaproxy::auth {

class VspcCalls {
 public:
  VspcCalls(VspcApi api, std::string base, std::function<std::uint32_t()> random);

  // Not with v1, which has no such call.
  LoginRequest refresh(const base::Secret& token) const;
  LoginRequest password(std::string_view username, const base::Secret& password) const;
  // With v3 only.
  LoginRequest one_time_code(const base::Secret& mfa_token, const base::Secret& code) const;
  // Asks for a challenge to the owner of the key: RSAKeyValue XML. The grant matters with v3 only.
  LoginRequest challenge(std::string_view public_xml, VspcGrant grant) const;
  // The decrypted challenge. In the form of v3, what is no text is sent as base64.
  LoginRequest solution(const base::Secret& plain) const;

 private:
  LoginRequest request(std::string_view method, std::string_view path) const;

  const VspcApi api_;
  const std::string base_;
  const std::function<std::uint32_t()> random_;
};

}  // namespace vsaproxy::auth
