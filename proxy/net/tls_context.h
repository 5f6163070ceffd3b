#pragma once
// TLS settings made once and used by many connections: a listener's certificate, or an upstream's
// trust and the sessions to resume. Certificates are passed as text, so nothing here reads a file.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/net/handles.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::net {

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

  SslHandle new_connection() const;

 private:
  mutable std::mutex mutex_;
  SslContextHandle context_;  // guarded by mutex_; connections keep the one they began with
};

// One upstream as one worker sees it: it keeps that worker's latest session for resumption.
class ClientTls {
  // Only make() can name it.
  struct Private {};

 public:
  explicit ClientTls(Private) {}
  // `ca` is PEM text, empty if only the system store counts. `name` is checked against the
  // certificate and sent as SNI unless it is a literal address. Errors: configuration.
  static base::Result<std::unique_ptr<ClientTls>> make(const settings::UpstreamTls& settings,
                                                       std::string_view ca, std::string name);
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  SslHandle new_connection();

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session) noexcept;

  SslContextHandle context_;
  std::string name_;
  bool name_is_address_ = false;
  SslSessionHandle session_;
};

}  // namespace vsaproxy::net
