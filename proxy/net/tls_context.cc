#include "proxy/net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

namespace vsaproxy::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

int version_number(settings::TlsVersion version) {
  return version == settings::TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

std::string openssl_reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text == nullptr ? "unknown error" : text;
}

BioHandle read_only(std::string_view text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool is_address(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

SslContextHandle new_context(const SSL_METHOD* method, settings::TlsVersion min_version) {
  SslContextHandle context(SSL_CTX_new(method));
  SSL_CTX_set_min_proto_version(context.get(), version_number(min_version));
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  // A record with one system call instead of two: its header is not read apart.
  SSL_CTX_set_read_ahead(context.get(), 1);
  // RFC 9325, 4.2: AEAD with forward secrecy only.
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  // No finite field groups: the large ones cost the server much for little (CVE-2002-20001).
  SSL_CTX_set1_groups_list(context.get(), "X25519:P-256:P-384:P-521");
  return context;
}

// A chain of certificates, the leaf first.
Result<void> use_chain(SSL_CTX* context, std::string_view pem) {
  const BioHandle text = read_only(pem);
  const X509Handle leaf(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return fail(ErrorKind::configuration, "the certificate is not usable: " + openssl_reason());
  }
  while (X509* issuer = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, issuer) != 1) {
      X509_free(issuer);
      return fail(ErrorKind::configuration, "the chain is not usable: " + openssl_reason());
    }
  }
  ERR_clear_error();  // the end of the text
  return {};
}

Result<void> trust(SSL_CTX* context, std::string_view pem) {
  const BioHandle text = read_only(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (true) {
    const X509Handle certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    X509_STORE_add_cert(store, certificate.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return fail(ErrorKind::configuration, "no certificate found; PEM is expected");
  return {};
}

// Clients must show a certificate, and are told whose (RFC 8446, 4.2.4).
Result<void> require_client_certificate(SSL_CTX* context, std::string_view pem) {
  auto trusted = trust(context, pem);
  if (!trusted) return fail(ErrorKind::configuration, "client_ca: " + trusted.error().detail);
  const BioHandle text = read_only(pem);
  while (true) {
    const X509Handle certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    SSL_CTX_add_client_CA(context, certificate.get());
  }
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

Result<SslContextHandle> server_context(const ServerTls::Parts& parts) {
  auto made = new_context(TLS_server_method(), parts.min_version);
  SSL_CTX* context = made.get();
  if (auto used = use_chain(context, parts.chain); !used) return fail(used.error());
  const BioHandle text = read_only(parts.key.reveal());
  // An encrypted key would ask on the terminal: an empty pass phrase makes it fail instead.
  const PrivateKeyHandle private_key(PEM_read_bio_PrivateKey(
      text.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  if (!private_key || SSL_CTX_use_PrivateKey(context, private_key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorKind::configuration,
                "the key is not usable with the certificate: " + openssl_reason());
  }
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("vsaproxy"), 8);
  // Tickets resume sessions; a cache of our own would only cost memory.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!parts.client_ca.empty()) {
    if (auto required = require_client_certificate(context, parts.client_ca); !required) {
      return fail(required.error());
    }
  }
  return made;
}

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::make(const Parts& parts) {
  auto made = std::make_shared<ServerTls>(Private{});
  if (auto replaced = made->replace(parts); !replaced) return fail(replaced.error());
  return made;
}

Result<void> ServerTls::replace(const Parts& parts) {
  auto context = server_context(parts);
  if (!context) return fail(context.error());
  const std::lock_guard lock(mutex_);
  context_.swap(*context);
  return {};
}

SslHandle ServerTls::new_connection() const {
  const std::lock_guard lock(mutex_);
  SslHandle ssl(SSL_new(context_.get()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Result<std::unique_ptr<ClientTls>> ClientTls::make(const settings::UpstreamTls& settings,
                                                   std::string_view ca, std::string name) {
  auto made = std::make_unique<ClientTls>(Private{});
  made->name_ = std::move(name);
  made->name_is_address_ = is_address(made->name_);
  made->context_ = new_context(TLS_client_method(), settings.min_version);
  SSL_CTX* context = made->context_.get();
  if (!settings.only_ca) SSL_CTX_set_default_verify_paths(context);
  if (!ca.empty()) {
    if (auto trusted = trust(context, ca); !trusted) return fail(trusted.error());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_sess_set_new_cb(context, &ClientTls::keep_session);
  return made;
}

int ClientTls::keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  auto* self = static_cast<ClientTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->session_.reset(session);
  return 1;  // the reference is ours now
}

SslHandle ClientTls::new_connection() {
  SslHandle ssl(SSL_new(context_.get()));
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
  if (name_is_address_) {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, name_.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(parameters, name_.data(), name_.size());
    SSL_set_tlsext_host_name(ssl.get(), name_.c_str());
  }
  if (session_) SSL_set_session(ssl.get(), session_.get());
  return ssl;
}

}  // namespace vsaproxy::net
