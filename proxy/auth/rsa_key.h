#pragma once
// RSA keys in the form that .NET programs exchange them, and in PEM. Pure, any thread.

#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

struct evp_pkey_st;

namespace vsaproxy::auth {

class RsaKey {
 public:
  // A private key: RSAKeyValue XML with all eight members, or PEM without a password (PKCS #1 or
  // PKCS #8). Error: configuration, without bytes of the key.
  static base::Result<RsaKey> parse(std::string_view text);

  // "<RSAKeyValue><Modulus>...", of the public half.
  std::string public_xml() const;

  // RSAES-OAEP with SHA-1 and MGF1 with SHA-1 (RFC 8017, 7.1.2). Error: malformed: not encrypted
  // with the public half, or in another way.
  base::Result<base::Secret> decrypt(std::string_view ciphertext) const;

 private:
  struct Deleter {
    void operator()(evp_pkey_st* key) const;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Deleter>;
  explicit RsaKey(Handle key) : key_(std::move(key)) {}

  Handle key_;
};

// The other side's part: `plain` encrypted as decrypt() reads it, for the owner of the public key
// (RSAKeyValue XML). Error: configuration, for what is no such key.
base::Result<std::string> make_challenge(std::string_view public_xml, std::string_view plain);

}  // namespace vsaproxy::auth
