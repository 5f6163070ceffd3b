#include "proxy/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace vsaproxy::base {

TEST_CASE("a secret prints as three stars") {
  const Secret secret("not for the log");
  std::ostringstream out;
  out << secret;
  CHECK(out.str() == "***");
  CHECK(fmt::format("[{}]", secret) == "[***]");
}

TEST_CASE("a moved secret leaves nothing behind") {
  for (const std::string text : {"short", "a text too long for the small string of the library"}) {
    Secret from(text);
    const Secret to(std::move(from));
    CHECK(to.reveal() == text);
    CHECK(from.reveal().empty());  // NOLINT(bugprone-use-after-move)
  }
}

TEST_CASE("taking a text over wipes the source") {
  std::string source = "a text too long for the small string of the library";
  const char* bytes = source.data();
  const std::size_t size = source.size();
  const Secret secret = Secret::take(std::move(source));
  CHECK(secret.reveal().size() == size);
  CHECK(source.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(source.capacity() >= size);
  CHECK(bytes[0] == '\0');
}

TEST_CASE("a secret is larger than the locked memory if it must be") {
  const std::string large(600 * 1024, 'x');
  const Secret secret(large);
  Secret copy(secret);
  CHECK(copy.reveal() == large);
  copy = Secret();
  CHECK(copy.empty());
  CHECK(secret.reveal().size() == large.size());
}

TEST_CASE("however many secrets there are, OpenSSL has locked memory for its own keys") {
  lock_secret_memory();
  REQUIRE(CRYPTO_secure_malloc_initialized() == 1);
  for (const std::size_t size : {1, 32, 1000, 32 * 1024}) {
    CAPTURE(size);
    const std::vector<Secret> many(600 * 1024 / std::max<std::size_t>(size, 32),
                                   Secret(std::string(size, 'x')));
    CHECK(many.back().reveal() == std::string(size, 'x'));
    EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
    CHECK(key != nullptr);
    EVP_PKEY_free(key);
    CHECK(CRYPTO_secure_used() < 192 * 1024);  // with those of OpenSSL
  }
}

TEST_CASE("wiping a text overwrites its characters") {
  std::string text = "visible";
  const char* bytes = text.data();
  wipe(text);
  CHECK(text.empty());
  CHECK(bytes[1] == '\0');
}

TEST_CASE("secrets are compared by content") {
  CHECK(Secret("a") == Secret("a"));
  CHECK_FALSE(Secret("a") == Secret("b"));
  CHECK_FALSE(Secret("a") == Secret("ab"));
  CHECK(Secret() == Secret(""));
  Secret copy("first");
  copy = Secret("second");
  CHECK(copy == Secret("second"));
}

}  // namespace vsaproxy::base
