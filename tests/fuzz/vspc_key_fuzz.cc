// Any bytes as a private key file: never a crash, never an error that repeats them; a key that is
// taken reads what is encrypted for its public half, and gives that half in a form that is read.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "proxy/auth/rsa_key.h"
#include "tests/fuzz/check.h"

using namespace vsaproxy;
using fuzz::check;

namespace {

void check_error(const base::Error& error) {
  check(error.kind == base::ErrorKind::configuration, "the file is at fault");
  check(!error.detail.empty() && std::all_of(error.detail.begin(), error.detail.end(),
                                             [](char c) { return c >= ' ' && c < '\x7F'; }),
        "an error is one line of ASCII");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view plain = "plain";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto challenge = auth::make_challenge(text, plain); !challenge) {
    check_error(challenge.error());
  }
  const auto key = auth::RsaKey::parse(text);
  if (!key) {
    check_error(key.error());
    return 0;
  }
  const auto challenge = auth::make_challenge(key->public_xml(), plain);
  check(challenge.has_value(), "the public half is a key");
  const auto solution = key->decrypt(*challenge);
  check(solution.has_value() && solution->reveal() == plain, "the key reads what is meant for it");
  static_cast<void>(key->decrypt(text));
  return 0;
}
