#include "proxy/net/tls_context.h"

#include <openssl/pem.h>

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "tests/unit/auth/vector_file.h"

namespace vsaproxy::net {
namespace {

constexpr const char* host = "vsa.example";

// The sample key that the vendor publishes, whose SubjectPublicKeyInfo has a known SHA-256.
const rapidjson::Document& vectors() {
  static const rapidjson::Document document = auth::read_vectors("veeam_vspc.json");
  return document;
}

std::string key_of_server() { return vectors()["key"]["private_pem_pkcs8"].GetString(); }

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string text_in(BIO* memory) {
  char* begin = nullptr;
  const long size = BIO_get_mem_data(memory, &begin);
  return {begin, static_cast<std::size_t>(size)};
}

// Of the server, signed by itself, good for an hour.
std::string certificate_of_server() {
  const std::string text = key_of_server();
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
                             reinterpret_cast<const unsigned char*>(host), -1, -1, 0);
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

// What became of a handshake with a client that has this pin, over memory.
struct Handshake {
  bool done = false;
  std::string refusal;
};

Handshake shake_hands(const std::string& pin) {
  const std::string chain = certificate_of_server();
  const base::Secret key(key_of_server());
  const auto server_tls = ServerTls::make({chain, key, {}, settings::TlsVersion::tls_1_2});
  REQUIRE(server_tls);
  settings::UpstreamTls settings;
  settings.only_ca = true;
  settings.pins = {pin};
  ops::UpstreamFiles files;
  files.ca = chain;
  const auto client_tls = ClientTls::make(settings, files, host);
  REQUIRE(client_tls);
  const SslHandle client = (*client_tls)->new_connection();
  const ServerTls::Connection server = (*server_tls)->new_connection();
  BIO* near = nullptr;
  BIO* far = nullptr;
  REQUIRE(BIO_new_bio_pair(&near, 0, &far, 0) == 1);
  SSL_set_bio(client.get(), near, near);
  SSL_set_bio(server.ssl.get(), far, far);
  Handshake outcome;
  for (int turn = 0; turn < 10 && !outcome.done; ++turn) {
    const bool client_is_done = SSL_do_handshake(client.get()) == 1;
    const bool server_is_done = SSL_do_handshake(server.ssl.get()) == 1;
    outcome.done = client_is_done && server_is_done;
  }
  if (const std::string* why = ClientTls::refusal_of(client.get())) outcome.refusal = *why;
  return outcome;
}

TEST_CASE("a server is known by the SHA-256 of its SubjectPublicKeyInfo in DER") {
  const std::string hash = from_hex(vectors()["key"]["spki_der_sha256"].GetString());
  REQUIRE(hash.size() == 32);
  const Handshake right = shake_hands(auth::base64(hash));
  CHECK(right.done);
  CHECK(right.refusal.empty());

  std::string other = hash;
  other.back() = static_cast<char>(other.back() ^ 1);
  const Handshake wrong = shake_hands(auth::base64(other));
  CHECK_FALSE(wrong.done);
  CHECK(wrong.refusal.find("it has " + auth::base64(hash)) != std::string::npos);
}

}  // namespace
}  // namespace vsaproxy::net
