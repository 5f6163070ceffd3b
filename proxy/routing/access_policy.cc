#include "proxy/routing/access_policy.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;

constexpr http::NameSet<4> browser_fields({"Origin", "Sec-Fetch-Site",
                                           "Access-Control-Request-Method", "Referer"});

}  // namespace

base::Result<void> check_host(const AccessRules& rules, std::string_view host_without_port) {
  const bool allowed = std::any_of(
      rules.allowed_hosts.begin(), rules.allowed_hosts.end(),
      [&](const std::string& host) { return base::equals_ignoring_case(host, host_without_port); });
  if (allowed) return {};
  return base::fail(ErrorKind::host_not_allowed,
                    "the host that the request names is not in allowed_hosts of this listener");
}

base::Result<void> check_browser(const http::Fields& fields) {
  const auto found =
      std::find_if(fields.all().begin(), fields.all().end(),
                   [](const http::Field& field) { return browser_fields.has(field.name); });
  if (found == fields.all().end()) return {};
  return base::fail(ErrorKind::browser_refused,
                    fmt::format("the field {} shows that a browser sent the request, and "
                                "browsers are refused",
                                found->name));
}

base::Result<void> check_method(std::string_view method) {
  if (base::equals_ignoring_case(method, "TRACE") || base::equals_ignoring_case(method, "TRACK")) {
    return base::fail(ErrorKind::method_refused,
                      "TRACE and TRACK are refused: their answers repeat the request's fields");
  }
  return {};
}

}  // namespace vsaproxy::routing
