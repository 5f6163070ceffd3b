#pragma once
// A server's certificate and key for tests of TLS: the sample key that the vendor publishes, whose
// SubjectPublicKeyInfo has a known SHA-256.

#include <openssl/pem.h>

#include <catch2/catch.hpp>
#include <string>

#include "proxy/net/handles.h"
#include "tests/unit/auth/vector_file.h"

namespace vsaproxy::net {

inline constexpr const char* test_host = "vsa.example";

inline const rapidjson::Document& test_key_vectors() {
  static const rapidjson::Document document = auth::read_vectors("veeam_vspc.json");
  return document;
}

inline std::string test_server_key() {
  return test_key_vectors()["key"]["private_pem_pkcs8"].GetString();
}

inline std::string text_in(BIO* memory) {
  char* begin = nullptr;
  const long size = BIO_get_mem_data(memory, &begin);
  return {begin, static_cast<std::size_t>(size)};
}

// Of the server, signed by itself, good for an hour.
inline std::string test_server_certificate() {
  const std::string text = test_server_key();
  const BioHandle source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const PrivateKeyHandle key(PEM_read_bio_PrivateKey(source.get(), nullptr, nullptr, nullptr));
  const X509Handle certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -60);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(test_host), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:vsa.example");
  X509_add_ext(x, names, -1);
  X509_EXTENSION_free(names);
  REQUIRE(X509_sign(x, key.get(), EVP_sha256()) > 0);
  const BioHandle out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), x);
  return text_in(out.get());
}

}  // namespace vsaproxy::net
