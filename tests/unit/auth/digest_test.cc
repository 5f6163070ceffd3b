#include "proxy/auth/digest.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;

// FIPS 180-2, B.1 and A.1.
TEST_CASE("hashes are lower-case hex") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha1_hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha1_hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

// RFC 4648, 10.
TEST_CASE("base64 has padding and no line breaks") {
  const auto [plain, encoded] = GENERATE(table<std::string_view, std::string_view>(
      {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}));
  CHECK(base64(plain) == encoded);
  REQUIRE(decode_base64(encoded));
  CHECK(decode_base64(encoded)->reveal() == plain);
  CHECK(base64(std::string(300, 'a')).find('\n') == std::string::npos);
}

TEST_CASE("what is no base64 is not decoded") {
  for (const std::string_view text : {"Zg=", "Zg", "Z===", "====", "Zm9v\n", " Zm9v", "Zm-v",
                                      "Zm_v", "Zg==Zg==", "Z=9v", "Zm9v=", "\xC3\xA4=="}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text));
  }
}

TEST_CASE("a Basic value is that of RFC 7617") {
  CHECK(basic_authorization("Aladdin:open sesame").reveal() ==
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

// RFC 7914, 12: of a longer key the beginning is the same.
TEST_CASE("a key from a text is that of scrypt") {
  const base::Secret key = scrypt(base::Secret("pleaseletmein"), "SodiumChloride", 16384);
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.reveal().data());
  CHECK(hex({bytes, key.reveal().size()}) ==
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

TEST_CASE("fingerprints tell secrets apart, and depend on the key") {
  const base::Secret one("session one");
  CHECK(fingerprint(one, "key").size() == 12);
  CHECK(fingerprint(one, "key") == fingerprint(base::Secret("session one"), "key"));
  CHECK(fingerprint(one, "key") != fingerprint(base::Secret("session two"), "key"));
  CHECK(fingerprint(one, "key") != fingerprint(one, "other key"));
}
