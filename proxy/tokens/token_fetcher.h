#pragma once
// LoginTransport over the network: dials the login's origin, sends one request on a connection of
// its own, reads one answer of bounded size. Redirects are never followed. Manager thread.

#include <memory>
#include <string>

#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/login_transport.h"

namespace vsaproxy::tokens {

class TokenFetcher final : public LoginTransport {
 public:
  static constexpr std::size_t max_body = 256 * 1024;

  // `target` is where to connect; `authority` is the Host field of the login's origin.
  TokenFetcher(net::EventLoop& loop, net::Dialer& dialer, net::DialTarget target,
               std::unique_ptr<net::ClientTls> tls, std::string authority);

  std::unique_ptr<Exchange> send(const auth::LoginRequest& request, base::Duration timeout,
                                 Callback callback) override;

 private:
  net::EventLoop& loop_;
  net::Dialer& dialer_;
  std::unique_ptr<net::ClientTls> tls_;
  net::DialTarget target_;
  std::string authority_;
};

// The transport to an upstream's own origin; programs for its TLS have printed already. Errors:
// configuration (its TLS settings).
base::Result<std::unique_ptr<LoginTransport>> make_login_transport(
    net::EventLoop& loop, net::Dialer& dialer, const settings::Settings& settings,
    const settings::Upstream& upstream, const ops::PrintedTexts& printed);
// The same, where its files have been read.
base::Result<std::unique_ptr<LoginTransport>> make_login_transport(
    net::EventLoop& loop, net::Dialer& dialer, const settings::Upstream& upstream,
    const ops::UpstreamFiles& files);

}  // namespace vsaproxy::tokens
