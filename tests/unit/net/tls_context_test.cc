#include "proxy/net/tls_context.h"

#include <catch2/catch.hpp>

#include "proxy/auth/digest.h"
#include "tests/unit/net/test_certificate.h"

namespace vsaproxy::net {
namespace {

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// What became of a handshake with a client that has this pin, over memory.
struct Handshake {
  bool done = false;
  std::string refusal;
};

Handshake shake_hands(const std::string& pin) {
  const std::string chain = test_server_certificate();
  const base::Secret key(test_server_key());
  const auto server_tls = ServerTls::make({chain, key, {}, settings::TlsVersion::tls_1_2});
  REQUIRE(server_tls);
  settings::UpstreamTls settings;
  settings.only_ca = true;
  settings.pins = {pin};
  ops::UpstreamFiles files;
  files.ca = chain;
  const auto client_tls = ClientTls::make(settings, files, test_host);
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
  const std::string hash = from_hex(test_key_vectors()["key"]["spki_der_sha256"].GetString());
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
