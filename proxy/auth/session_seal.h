#pragma once
// Seals a session for the disk, so that it only opens with the same key, for the same login server,
// account and kind of credential. Pure: salt and nonce come in as arguments. Any thread.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/auth/kept_session.h"
#include "proxy/auth/scheme.h"
#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

// Whose session it is.
struct SessionOwner {
  std::string origin;  // of the login, "https://vsa.example.com"
  std::string account;
  std::string type;   // of the credential
  std::string rules;  // see rules_of()
};

// Every value of a credential that is no secret, defaults too: where one changes, a login may
// yield another kind of session.
std::string rules_of(const SchemeSpec& scheme, const base::FieldValues& values);

// Fewer characters are too easy to guess for who has the file.
inline constexpr std::size_t least_seal_text = 16;

using SealSalt = std::array<char, 16>;
using SealNonce = std::array<char, 12>;

// Good for any number of sessions (each with a nonce of its own, random, never the same again).
struct SealKey {
  SealSalt salt{};
  base::Secret bytes;
};

// Slow on purpose: scrypt, since people write pass phrases too. N is 8192: a proxy that starts must
// not wait longer for its first answer than the login would have taken.
SealKey make_seal_key(const base::Secret& text, const SealSalt& salt);

std::string seal_session(const KeptSession& session, const SessionOwner& owner, const SealKey& key,
                         const SealNonce& nonce);

// What the key must be made with. Errors (system, with what to do), here and below: no sealed
// session, one of another format, owner or key, or a damaged one.
base::Result<SealSalt> salt_of(std::string_view sealed, const SessionOwner& owner);
base::Result<KeptSession> open_session(std::string_view sealed, const SessionOwner& owner,
                                       const SealKey& key);

}  // namespace vsaproxy::auth
