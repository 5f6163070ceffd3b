#include "proxy/routing/access_policy.h"

#include <algorithm>
#include <optional>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"
#include "proxy/routing/network.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;

constexpr http::NameSet<4> browser_fields({"Origin", "Sec-Fetch-Site",
                                           "Access-Control-Request-Method", "Referer"});
constexpr http::NameSet<2> pages({"Origin", "Referer"});

// Of a page's address, as Origin and Referer have it.
std::optional<http::Origin> origin_of(std::string_view url) {
  const auto parsed = http::parse_url(url);
  return parsed ? std::optional(parsed->origin) : std::nullopt;
}

std::optional<http::Origin> origin_of(const Destination& destination) {
  return origin_of(fmt::format("{}://{}", destination.scheme, destination.authority));
}

// What a page asks without Referer, such as an image, shows nothing else elsewhere. All browsers
// name Gecko, as no other program does that has no language of its own to ask for.
bool names_browser(const http::Fields& fields) {
  const http::Field* agent = fields.find("User-Agent");
  return agent != nullptr && agent->value.find("Gecko") != std::string::npos &&
         fields.has("Accept-Language");
}

tl::unexpected<base::Error> browser_refused(std::string_view field) {
  return base::fail(ErrorKind::browser_refused,
                    fmt::format("the field {} shows that a browser sent the request, and "
                                "browsers are refused",
                                field));
}

// Where browsers add Sec-Fetch-Site (W3C Secure Contexts, 3.1).
bool is_trustworthy(const Destination& destination) {
  const auto origin = origin_of(destination);
  if (!origin) return false;
  const auto address = parse_address(origin->host);
  return origin->scheme == "https" || base::equals_ignoring_case(origin->host, "localhost") ||
         (address && address->is_loopback());
}

bool is_listed(const AccessRules& rules, const std::optional<http::Origin>& page) {
  return page &&
         std::find(rules.origins.begin(), rules.origins.end(), *page) != rules.origins.end();
}

tl::unexpected<base::Error> page_refused(std::string_view field) {
  return base::fail(ErrorKind::browser_refused,
                    fmt::format("the field {} shows that a browser sent the request, for a page "
                                "that is neither of this origin nor in allow_origins",
                                field));
}

// Every field that a browser wrote must speak for the page; none speaks for it alone.
base::Result<void> check_page(const AccessRules& rules, const http::Fields& fields,
                              const Destination& destination) {
  const auto own = origin_of(destination);
  bool has_listed_page = false;
  bool has_page = false;
  for (const http::Field& field : fields.all()) {
    if (!pages.has(field.name)) continue;
    const auto page = origin_of(field.value);
    const bool is_own = page && own && *page == *own;
    has_listed_page = has_listed_page || is_listed(rules, page);
    has_page = true;
    if (!is_own && !is_listed(rules, page)) return page_refused(field.name);
  }
  bool has_site = false;
  for (const http::Field& field : fields.all()) {
    if (!http::same_name(field.name, "Sec-Fetch-Site")) continue;
    const bool is_own = field.value == "same-origin" || field.value == "none";
    if (!is_own && !has_listed_page) return page_refused(field.name);
    has_site = true;
  }
  if (!has_site && !has_page) return page_refused("Access-Control-Request-Method");
  return {};
}

}  // namespace

base::Result<void> check_host(const AccessRules& rules, std::string_view host_without_port) {
  const bool allowed = std::any_of(
      rules.allowed_hosts.begin(), rules.allowed_hosts.end(),
      [&](const std::string& host) { return base::equals_ignoring_case(host, host_without_port); });
  if (allowed) return {};
  return base::fail(ErrorKind::host_not_allowed,
                    "the host that the request names is not in allowed_hosts of this listener");
}

base::Result<void> check_browser(const AccessRules& rules, const http::Fields& fields,
                                 const Destination& destination) {
  const http::Field* found = fields.find_any(browser_fields);
  if (found == nullptr) {
    if (rules.same_origin || !names_browser(fields) || is_trustworthy(destination)) return {};
    return browser_refused("User-Agent");
  }
  if (!rules.same_origin) return browser_refused(found->name);
  return check_page(rules, fields, destination);
}

std::string_view listed_origin(const AccessRules& rules, const http::Fields& fields) {
  if (rules.origins.empty()) return {};
  const http::Field* field = fields.find("Origin");
  return field != nullptr && is_listed(rules, origin_of(field->value)) ? field->value
                                                                       : std::string_view();
}

bool is_preflight(std::string_view method, const http::Fields& fields) {
  return method == "OPTIONS" && fields.has("Origin") && fields.has("Access-Control-Request-Method");
}

base::Result<void> check_method(std::string_view method) {
  if (base::equals_ignoring_case(method, "TRACE") || base::equals_ignoring_case(method, "TRACK")) {
    return base::fail(ErrorKind::method_refused,
                      "TRACE and TRACK are refused: their answers repeat the request's fields");
  }
  return {};
}

}  // namespace vsaproxy::routing
