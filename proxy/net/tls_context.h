#pragma once
// TLS settings made once and used by many connections: a listener's certificate, or an upstream's
// trust and the sessions to resume. Certificates are passed as text, so nothing here reads a file.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/net/handles.h"
#include "proxy/ops/upstream_files.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::net {

// That the certificate (PEM, leaf first) and the key belong together. Error: configuration.
base::Result<void> check_key_pair(std::string_view chain, const base::Secret& key);

// Whose certificates the clients of a listener must show, as a number to compare: another one for
// another client_ca, and for TLS without one.
using ClientTrust = std::uint64_t;
constexpr ClientTrust plain_trust = 0;  // of a listener without TLS

// What a listener shows and trusts. Shared by all workers, any thread.
class ServerTls {
  // Only make() can name it.
  struct Private {};

 public:
  explicit ServerTls(Private) {}
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  struct Parts {
    std::string_view chain;  // PEM, the leaf first
    const base::Secret& key;
    std::string_view client_ca;  // PEM; set: clients must show a certificate of it
    settings::TlsVersion min_version;
  };
  // Errors: configuration (unreadable, key does not match ...).
  static base::Result<std::shared_ptr<ServerTls>> make(const Parts& parts);
  // New connections use these parts from now on. On an error the former ones stay.
  base::Result<void> replace(const Parts& parts);

  struct Connection {
    SslHandle ssl;
    ClientTrust trust;  // that its handshake goes by
  };
  Connection new_connection() const;
  // Of new connections; others keep theirs.
  ClientTrust trust() const { return trust_; }

 private:
  mutable std::mutex mutex_;
  std::atomic<ClientTrust> trust_ = plain_trust;
  SslContextHandle context_;  // guarded by mutex_; connections keep the one they began with
};

// One upstream as one worker sees it: it keeps that worker's latest session for resumption, which
// only a server that passed all checks can have given it.
class ClientTls {
  // Only make() can name it.
  struct Private {};

 public:
  explicit ClientTls(Private) {}
  // `name` is checked against the certificate and sent as SNI unless it is a literal address.
  // Errors: configuration.
  static base::Result<std::unique_ptr<ClientTls>> make(const settings::UpstreamTls& settings,
                                                       const ops::UpstreamFiles& files,
                                                       std::string name);
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  // Of make(): that of an upstream's url, or what its tls.server_name says.
  static base::Result<std::unique_ptr<ClientTls>> make(const http::Origin& origin,
                                                       const settings::UpstreamTls& settings,
                                                       const ops::UpstreamFiles& files);

  SslHandle new_connection();
  // Why the handshake that has just failed refused the server, for who owns the configuration.
  // Null where nothing was refused, or this is no connection of a ClientTls.
  static const std::string* refusal_of(const SSL* ssl);
  // The server asked for a certificate, and there is none to show.
  static bool lacks_certificate(const SSL* ssl);

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session) noexcept;
  static int judge(X509_STORE_CTX* chain, void* self) noexcept;
  static int note_wanted_certificate(SSL* ssl, X509** certificate, EVP_PKEY** key) noexcept;
  bool has_pinned_key(X509_STORE_CTX* chain);

  SslContextHandle context_;
  std::vector<std::string> pins_;
  std::string refusal_;  // of the latest handshake
  std::string name_;
  bool name_is_address_ = false;
  SslSessionHandle session_;
};

}  // namespace vsaproxy::net
