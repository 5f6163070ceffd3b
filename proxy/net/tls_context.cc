#include "proxy/net/tls_context.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <utility>

#include "proxy/auth/digest.h"

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

Result<void> use_key(SSL_CTX* context, const base::Secret& key) {
  const BioHandle text = read_only(key.reveal());
  // An encrypted key would ask on the terminal: an empty pass phrase makes it fail instead.
  const PrivateKeyHandle private_key(PEM_read_bio_PrivateKey(
      text.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  if (!private_key || SSL_CTX_use_PrivateKey(context, private_key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorKind::configuration,
                "the key is not usable with the certificate: " + openssl_reason());
  }
  return {};
}

Result<void> use_pair(SSL_CTX* context, std::string_view chain, const base::Secret& key) {
  if (auto used = use_chain(context, chain); !used) return used;
  return use_key(context, key);
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

ClientTrust trust_of(std::string_view client_ca) {
  return std::hash<std::string_view>()(client_ca) | 1;  // plain_trust is even
}

Result<SslContextHandle> server_context(const ServerTls::Parts& parts) {
  auto made = new_context(TLS_server_method(), parts.min_version);
  SSL_CTX* context = made.get();
  if (auto used = use_pair(context, parts.chain, parts.key); !used) return fail(used.error());
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

// RFC 7469, 2.4.
std::string pin_of(const X509& certificate) {
  const X509_PUBKEY* key = X509_get_X509_PUBKEY(&certificate);
  std::vector<unsigned char> bytes(
      static_cast<std::size_t>(std::max(i2d_X509_PUBKEY(key, nullptr), 0)));
  unsigned char* end = bytes.data();
  i2d_X509_PUBKEY(key, &end);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(bytes.data(), bytes.size(), hash.data());
  return auth::base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::string day_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "a day that can't be read";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

bool is_printable_name(std::string_view text) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*";
  return text.size() < 256 && text.find_first_not_of(letters) == std::string_view::npos;
}

// Comes from the server: some of them, and only what may stand in a name.
std::string dns_names_of(X509& certificate) {
  constexpr std::size_t most_names = 3;
  const GeneralNamesHandle names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> shown;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && shown.size() < most_names; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                     static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    if (is_printable_name(text)) shown.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::string describe_refusal(X509_STORE_CTX& chain) {
  const int verdict = X509_STORE_CTX_get_error(&chain);
  std::string reason = X509_verify_cert_error_string(verdict);
  X509* certificate = X509_STORE_CTX_get_current_cert(&chain);
  if (certificate == nullptr) return reason;
  switch (verdict) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return reason + ", is it a private authority? See tls.ca";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return reason + ", it ended " + day_of(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return reason + ", it begins " + day_of(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      if (const auto names = dns_names_of(*certificate); !names.empty()) {
        return reason + ", it is for " + names;
      }
      return reason;
    default:
      return reason;
  }
}

}  // namespace

Result<void> check_key_pair(std::string_view chain, const base::Secret& key) {
  const SslContextHandle context(SSL_CTX_new(TLS_method()));
  return use_pair(context.get(), chain, key);
}

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
  trust_ = trust_of(parts.client_ca);
  return {};
}

ServerTls::Connection ServerTls::new_connection() const {
  const std::lock_guard lock(mutex_);
  SslHandle ssl(SSL_new(context_.get()));
  SSL_set_accept_state(ssl.get());
  return {std::move(ssl), trust_};
}

Result<std::unique_ptr<ClientTls>> ClientTls::make(const http::Origin& origin,
                                                   const settings::UpstreamTls& settings,
                                                   const ops::UpstreamFiles& files) {
  return make(settings, files, settings.server_name.empty() ? origin.host : settings.server_name);
}

Result<std::unique_ptr<ClientTls>> ClientTls::make(const settings::UpstreamTls& settings,
                                                   const ops::UpstreamFiles& files,
                                                   std::string name) {
  auto made = std::make_unique<ClientTls>(Private{});
  made->name_ = std::move(name);
  made->name_is_address_ = is_address(made->name_);
  made->context_ = new_context(TLS_client_method(), settings.min_version);
  SSL_CTX* context = made->context_.get();
  if (!settings.only_ca) SSL_CTX_set_default_verify_paths(context);
  if (!files.ca.empty()) {
    if (auto trusted = trust(context, files.ca); !trusted) return fail(trusted.error());
  }
  if (!files.client_certificate.empty()) {
    auto used = use_pair(context, files.client_certificate, files.client_key);
    if (!used) return fail(ErrorKind::configuration, "client_certificate: " + used.error().detail);
  }
  made->pins_ = settings.pins;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &ClientTls::judge, made.get());
  SSL_CTX_set_client_cert_cb(context, &ClientTls::note_wanted_certificate);
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

// Before anything of ours has left: no request, and no client certificate either.
int ClientTls::judge(X509_STORE_CTX* chain, void* self) noexcept {
  auto& tls = *static_cast<ClientTls*>(self);
  tls.refusal_.clear();
  if (X509_verify_cert(chain) != 1) {
    tls.refusal_ = describe_refusal(*chain);
    return 0;
  }
  if (tls.has_pinned_key(chain)) return 1;
  tls.refusal_ = "none of the keys of tls.pin_sha256 is the server's: it has " +
                 pin_of(*X509_STORE_CTX_get0_cert(chain));
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

// Any of the verified chain (RFC 7469, 2.6): who pins an authority may change the server's key.
bool ClientTls::has_pinned_key(X509_STORE_CTX* chain) {
  if (pins_.empty()) return true;
  const STACK_OF(X509)* certificates = X509_STORE_CTX_get0_chain(chain);
  for (int i = 0; i < sk_X509_num(certificates); ++i) {
    const std::string pin = pin_of(*sk_X509_value(certificates, i));
    if (std::find(pins_.begin(), pins_.end(), pin) != pins_.end()) return true;
  }
  return false;
}

const std::string* ClientTls::refusal_of(const SSL* ssl) {
  const auto* self = static_cast<const ClientTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return self == nullptr || self->refusal_.empty() ? nullptr : &self->refusal_;
}

// Asked only where there is no certificate.
int ClientTls::note_wanted_certificate(SSL* ssl, X509**, EVP_PKEY**) noexcept {
  SSL_set_app_data(ssl, SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return 0;
}

bool ClientTls::lacks_certificate(const SSL* ssl) { return SSL_get_app_data(ssl) != nullptr; }

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
