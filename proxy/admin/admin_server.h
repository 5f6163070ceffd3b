#pragma once
// The read-only pages for operators and monitors: /livez, /readyz, /metrics. On a listener of its
// own, which proxied clients never reach. Owned by main; the manager thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/http_server.h"
#include "proxy/net/listener.h"
#include "proxy/ops/metrics.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::admin {

class AdminServer {
 public:
  // Why the proxy is not ready, a line each; empty: it is. Asked in the loop's thread.
  using Readiness = std::function<std::vector<std::string>()>;
  // Errors: system (the address is taken).
  static base::Result<std::unique_ptr<AdminServer>> start(net::LibeventLoop& loop,
                                                          const settings::Admin& settings,
                                                          const ops::Metrics& metrics,
                                                          Readiness readiness);
  // With the real port.
  const std::string& name() const { return sockets_->name(); }

 private:
  net::Page answer(const net::PageRequest& request) const;

  const ops::Metrics* metrics_ = nullptr;
  Readiness readiness_;
  std::string address_;  // the host part of the listener's address
  std::unique_ptr<net::ListeningSockets> sockets_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace vsaproxy::admin
