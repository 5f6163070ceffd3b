#include "proxy/auth/key_hash.h"

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"

namespace vsaproxy::auth {
namespace {

// Made with Python's hashlib.scrypt.
constexpr std::string_view made_elsewhere =
    "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$+3ziy1Wmji2oCzVVenfBWXOy9dNBlkmWtjj109OYn2g";

TEST_CASE("a key is told from others by its hash, also by one of another program") {
  const KeyHash made = hash_key("a-tool-key", "0123456789abcdef");
  CHECK(matches(made, "a-tool-key"));
  CHECK_FALSE(matches(made, "a-tool-kez"));
  CHECK_FALSE(matches(made, ""));
  CHECK(parse_key_hash(to_string(made)) == made);
  const auto other = parse_key_hash(made_elsewhere);
  REQUIRE(other);
  CHECK(to_string(*other) == made_elsewhere);
  CHECK(matches(*other, "a-tool-key"));
  CHECK_FALSE(matches(*other, "another-key"));
}

TEST_CASE("what is no hash, or costs too much, is refused") {
  const std::string good = to_string(hash_key("k", "0123456789abcdef"));
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("a-tool-key"), std::string("$scrypt$"), good + "=", good + "A*",
        good.substr(0, good.size() - 30), changed("scrypt", "argon2"), changed("ln=14", "ln=24"),
        changed("ln=14", "ln=-1"), changed("r=8", "r=1000"), changed("p=1", "p=0"),
        changed("p=1", "p=1,x=2"), changed("$MDEy", "$$MDEy")}) {
    CAPTURE(text);
    CHECK_FALSE(parse_key_hash(text));
  }
}

TEST_CASE("Basic credentials are read, and nothing else is") {
  const auto read = read_basic_authorization("basic YmlsbGluZzphOmI=");
  REQUIRE(read);
  CHECK(read->name == "billing");
  CHECK(read->secret == base::Secret("a:b"));
  for (const std::string_view value : {"", "Basic", "Basic ", "Bearer YTpi", "Basic YWI=",
                                       "Basic YTpi=", "Basic YTp", "Basic YT pi", "Basic *"}) {
    CAPTURE(value);
    CHECK_FALSE(read_basic_authorization(value));
  }
}

}  // namespace
}  // namespace vsaproxy::auth
