#pragma once
// TLS settings made once and used by many connections: a listener's certificate, or an upstream's
// trust and the sessions to resume. Certificates are passed as text, so nothing here reads a file.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/net/handles.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::net {

// Immutable; shared by all workers.
class ServerTls {
 public:
  // `chain` is PEM, the leaf first. Errors: configuration (unreadable, key does not match ...).
  static base::Result<std::shared_ptr<const ServerTls>> make(std::string_view chain,
                                                             const base::Secret& key,
                                                             settings::TlsVersion min_version);
  SslHandle new_connection() const;

 private:
  SslContextHandle context_;
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
