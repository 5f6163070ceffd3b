#include "proxy/auth/rsa_key.h"

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

const rapidjson::Document& vectors() {
  static const rapidjson::Document document = read_vectors("veeam_vspc.json");
  return document;
}

std::string key_text(const char* form) { return vectors()["key"][form].GetString(); }

RsaKey sample_key() {
  auto key = RsaKey::parse(key_text("private_xml"));
  REQUIRE(key);
  return std::move(*key);
}

std::string decoded(std::string_view text) {
  const auto bytes = decode_base64(text);
  REQUIRE(bytes);
  return std::string(bytes->reveal());
}

std::string hex_of(std::string_view bytes) {
  return hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

// The element's text with its first characters exchanged for others.
std::string mangled(std::string xml, const std::string& element) {
  const auto begin = xml.find("<" + element + ">") + element.size() + 2;
  xml.replace(begin, 4, xml.substr(begin, 4) == "aaaa" ? "bbbb" : "aaaa");
  return xml;
}

}  // namespace

TEST_CASE("a private key is read as .NET XML and in both PEM forms") {
  for (const char* form : {"private_xml", "private_pem_pkcs8", "private_pem_pkcs1"}) {
    CAPTURE(form);
    const auto key = RsaKey::parse(key_text(form));
    REQUIRE(key);
    CHECK(key->public_xml() == key_text("public_xml"));
    CHECK(base64(key->public_xml()) == key_text("public_xml_base64"));
  }
}

TEST_CASE("challenges are decrypted with OAEP and SHA-1, and with nothing else") {
  const RsaKey key = sample_key();
  for (const auto& vector : vectors()["decrypt"].GetArray()) {
    CAPTURE(vector["id"].GetString());
    const auto plain = key.decrypt(decoded(vector["ciphertext_base64"].GetString()));
    REQUIRE(plain.has_value() == (std::string_view(vector["expect"].GetString()) == "ok"));
    if (!plain) {
      CHECK(plain.error().kind == base::ErrorKind::malformed);
    } else if (vector.HasMember("plaintext_hex")) {
      CHECK(hex_of(plain->reveal()) == vector["plaintext_hex"].GetString());
    } else {
      CHECK(plain->reveal() == vector["plaintext_utf8"].GetString());
    }
  }
}

TEST_CASE("what is no challenge at all is an error too") {
  const RsaKey key = sample_key();
  CHECK_FALSE(key.decrypt(""));
  CHECK_FALSE(key.decrypt("short"));
  CHECK_FALSE(key.decrypt(std::string(256, '\xFF')));
  CHECK_FALSE(key.decrypt(std::string(1000, 'a')));
}

TEST_CASE("white space in the XML does no harm") {
  std::string xml = key_text("private_xml");
  xml.insert(xml.find("<Modulus>") + 29, "\r\n  ");
  const auto key = RsaKey::parse("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n" + xml + "\n");
  REQUIRE(key);
  CHECK(key->public_xml() == key_text("public_xml"));
}

TEST_CASE("a key that was copied wrongly is found out, whichever number it is") {
  for (const char* element : {"Modulus", "Exponent", "D", "P", "Q", "DP", "DQ", "InverseQ"}) {
    CAPTURE(element);
    const auto key = RsaKey::parse(mangled(key_text("private_xml"), element));
    REQUIRE_FALSE(key);
    CHECK(key.error().kind == base::ErrorKind::configuration);
  }
}

TEST_CASE("what is no usable private key is said without its text") {
  const std::string pem = key_text("private_pem_pkcs8");
  for (const std::string& text :
       {std::string(), std::string("hidden"), key_text("public_xml"), key_text("public_pem_spki"),
        key_text("public_pem_pkcs1"), pem.substr(0, pem.size() / 2),
        std::string("<RSAKeyValue><Modulus>hidden!</Modulus>"),
        std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nhidden\n-----END ENCRYPTED PRIVATE "
                    "KEY-----\n")}) {
    CAPTURE(text);
    const auto key = RsaKey::parse(text);
    REQUIRE_FALSE(key);
    CHECK(key.error().kind == base::ErrorKind::configuration);
    CHECK(key.error().detail.find("hidden") == std::string::npos);
  }
}

TEST_CASE("a challenge is read by the owner of the key alone") {
  const auto challenge = make_challenge(key_text("public_xml"), "text");
  REQUIRE(challenge);
  const auto plain = sample_key().decrypt(*challenge);
  REQUIRE(plain);
  CHECK(plain->reveal() == "text");
  CHECK(*make_challenge(key_text("public_xml"), "text") != *challenge);
}

TEST_CASE("no challenge is made for what is no public key") {
  for (const std::string& text :
       {std::string(), std::string("hidden"), std::string("<Modulus>AQAB</Modulus>"),
        std::string("<Modulus>AQ==</Modulus><Exponent>AQAB</Exponent>"),
        std::string("<Modulus>AAAA</Modulus><Exponent>AAAA</Exponent>"),
        std::string("<Modulus>hidden</Modulus><Exponent>AQAB</Exponent>"),
        mangled(key_text("public_xml"), "Modulus").substr(0, 90) + "</Modulus><Exponent>AQAB"}) {
    CAPTURE(text);
    const auto challenge = make_challenge(text, "text");
    REQUIRE_FALSE(challenge);
    CHECK(challenge.error().detail.find("hidden") == std::string::npos);
  }
}

TEST_CASE("a key of odd numbers gets a challenge or a refusal, and none costs much") {
  struct Case {
    std::string modulus, exponent;
    bool is_key;
  };
  const auto ones = [](std::size_t bytes) { return std::string(bytes, '\xFF'); };
  const std::string zero(1, '\0'), three = "\x03";
  for (const Case& c :
       {Case{ones(256), three, true}, Case{ones(256), ones(8), true},
        Case{std::string(30'000, '\0') + ones(256), three, true}, Case{ones(256), ones(9), false},
        Case{ones(384), ones(383), false}, Case{ones(18'000), ones(18'000), false},
        Case{ones(36'000), three, false}, Case{zero, three, false}, Case{zero, zero, false},
        Case{"\x01", "\x01", false}, Case{ones(255) + "\xFE", three, false}}) {
    INFO(c.modulus.size() << " and " << c.exponent.size() << " bytes");
    const auto challenge =
        make_challenge("<RSAKeyValue><Modulus>" + base64(c.modulus) + "</Modulus><Exponent>" +
                           base64(c.exponent) + "</Exponent></RSAKeyValue>",
                       "text");
    CHECK(challenge.has_value() == c.is_key);
  }
}
