#include "proxy/admin/admin_server.h"

#include <utility>

#include "proxy/http/target.h"
#include "proxy/relay/problem_answer.h"
#include "proxy/routing/access_policy.h"

namespace vsaproxy::admin {
namespace {

using base::Error;

net::Page refuse(const Error& error) {
  return {.status = relay::problem_status(error.kind),
          .body = std::string(base::reason_text(error.kind)) + ": " + error.detail + "\n",
          .fields = {{"X-Proxy-Error", std::string(base::reason_text(error.kind))}}};
}

// The checks of every listener: the page tells account names and origins.
base::Result<void> check_access(const net::PageRequest& request, const std::string& address) {
  const auto host = request.fields.find("host");
  if (host == request.fields.end() || request.fields.count("host") != 1) {
    return base::fail(base::ErrorKind::host_not_allowed, "one Host field is needed");
  }
  const auto authority = http::parse_authority(host->second);
  if (!authority) return base::fail(authority.error());
  const routing::AccessRules rules{{"localhost", "127.0.0.1", "::1", address}, false, {}};
  if (auto allowed = routing::check_host(rules, authority->host); !allowed) return allowed;
  http::Fields fields;
  for (const auto& [name, value] : request.fields) fields.add(name, value);
  return routing::check_browser(rules, fields, {"http", host->second});
}

}  // namespace

base::Result<std::unique_ptr<AdminServer>> AdminServer::start(net::LibeventLoop& loop,
                                                              const settings::Admin& settings,
                                                              const ops::Metrics& metrics,
                                                              Readiness readiness) {
  auto made = std::make_unique<AdminServer>();
  made->metrics_ = &metrics;
  made->readiness_ = std::move(readiness);
  made->address_ = settings.address.host;
  auto sockets = net::ListeningSockets::open(settings.address, "", 1, {});
  if (!sockets) return base::fail(std::move(sockets.error()));
  made->sockets_ = std::move(*sockets);
  auto server = net::HttpServer::start(
      loop, made->sockets_->fd_for(0),
      [self = made.get()](const net::PageRequest& request) { return self->answer(request); });
  if (!server) return base::fail(std::move(server.error()));
  made->server_ = std::move(*server);
  return made;
}

net::Page AdminServer::answer(const net::PageRequest& request) const {
  if (auto allowed = check_access(request, address_); !allowed) return refuse(allowed.error());
  if (request.path == "/livez") return {.body = "alive\n"};
  if (request.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = metrics_->exposition()};
  }
  if (request.path == "/readyz") {
    const auto reasons = readiness_();
    if (reasons.empty()) return {.body = "ready\n"};
    net::Page page{.status = 503, .fields = {{"Retry-After", "1"}}};
    for (const std::string& reason : reasons) page.body += reason + "\n";
    return page;
  }
  return {.status = 404, .body = "there are /livez, /readyz and /metrics\n"};
}

}  // namespace vsaproxy::admin
