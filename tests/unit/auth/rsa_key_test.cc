#include "proxy/auth/rsa_key.h"

#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "proxy/auth/digest.h"
#include "proxy/auth/json.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

const rapidjson::Document& vectors() {
  static const rapidjson::Document document = [] {
    std::ifstream file(TESTS_DIR "/vectors/veeam_vspc.json");
    std::stringstream text;
    text << file.rdbuf();
    rapidjson::Document read;
    read.Parse(text.str().c_str());
    return read;
  }();
  REQUIRE(document.IsObject());
  return document;
}

std::string key_text(const char* form) { return vectors()["key"][form].GetString(); }

RsaKey sample_key() {
  auto key = RsaKey::parse(key_text("private_xml"));
  REQUIRE(key);
  return std::move(*key);
}

std::string decoded(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  REQUIRE(length > 0);
  bytes.resize(bytes.size() -
               static_cast<std::size_t>(text.ends_with("==") ? 2 : text.ends_with("=")));
  return bytes;
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
        pem.substr(0, pem.size() / 2), std::string("<RSAKeyValue><Modulus>hidden!</Modulus>"),
        std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nhidden\n-----END ENCRYPTED PRIVATE "
                    "KEY-----\n")}) {
    CAPTURE(text);
    const auto key = RsaKey::parse(text);
    REQUIRE_FALSE(key);
    CHECK(key.error().kind == base::ErrorKind::configuration);
    CHECK(key.error().detail.find("hidden") == std::string::npos);
  }
}
