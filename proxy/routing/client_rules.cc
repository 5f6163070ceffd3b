#include "proxy/routing/client_rules.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

tl::unexpected<base::Error> denied(std::string detail) {
  return fail(ErrorKind::client_denied, std::move(detail));
}

bool has(const std::vector<std::uint32_t>& ids, std::uint32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// From the last item to the first: each was added by the proxy behind it.
std::vector<std::string_view> forwarded_for(const http::Fields& fields) {
  std::vector<std::string_view> items;
  for (const http::Field& field : fields.all()) {
    if (!base::equals_ignoring_case(field.name, "X-Forwarded-For")) continue;
    for (http::ListItems list(field.value); const auto item = list.next();) items.push_back(*item);
  }
  std::reverse(items.begin(), items.end());
  return items;
}

}  // namespace

bool ClientRules::has_any() const {
  return !allow.empty() || !deny.empty() || !trusted_proxies.empty() || checks_users ||
         !certificates.empty() || !header_name.empty();
}

Result<std::optional<IpAddress>> client_address(const ClientRules& rules,
                                                const std::optional<IpAddress>& peer,
                                                const http::Fields& fields) {
  if (!peer || !is_in(rules.trusted_proxies, *peer)) return peer;
  std::optional<IpAddress> client = peer;
  for (const std::string_view item : forwarded_for(fields)) {
    client = parse_address_and_port(item);
    if (!client) {
      return fail(ErrorKind::bad_request,
                  "X-Forwarded-For of a trusted proxy has something else than an address");
    }
    if (!is_in(rules.trusted_proxies, *client)) break;
  }
  return client;
}

Result<void> check_address(const ClientRules& rules, const std::optional<IpAddress>& client) {
  if (rules.allow.empty() && rules.deny.empty()) return {};
  if (!client) return denied("the client has no address, and this listener has rules on addresses");
  if (is_in(rules.deny, *client)) return denied("the client's address is in clients.deny");
  if (!rules.allow.empty() && !is_in(rules.allow, *client)) {
    return denied("the client's address is not in clients.allow");
  }
  return {};
}

Result<void> check_user(const ClientRules& rules, const std::optional<LocalUser>& user) {
  if (!rules.checks_users) return {};
  if (!user) return denied("the kernel does not tell which user the client is");
  const bool is_member = std::any_of(user->groups.begin(), user->groups.end(),
                                     [&](std::uint32_t group) { return has(rules.groups, group); });
  if (is_member || has(rules.users, user->uid)) return {};
  return denied("the client's user is in neither clients.local_users nor clients.local_groups");
}

Result<std::string_view> check_certificate(const ClientRules& rules,
                                           const std::vector<std::string>& dns_names) {
  if (rules.certificates.empty()) return std::string_view();
  for (const ClientRules::Certificate& rule : rules.certificates) {
    const bool fits = std::any_of(dns_names.begin(), dns_names.end(), [&](const std::string& name) {
      return base::equals_ignoring_case(name, rule.dns_name);
    });
    if (fits) return std::string_view(rule.name);
  }
  return denied("the client's certificate has none of the names in clients.certificates");
}

Result<void> check_required_header(const ClientRules& rules, const http::Fields& fields) {
  if (rules.header_name.empty()) return {};
  std::size_t count = 0;
  bool fits = true;
  for (const http::Field& field : fields.all()) {
    if (!base::equals_ignoring_case(field.name, rules.header_name)) continue;
    ++count;
    fits = fits && field.value == rules.header_value;
  }
  if (count > 0 && fits) return {};
  return denied(
      fmt::format("the field {} is required, with the configured value", rules.header_name));
}

void remove_own_fields(const ClientRules& rules, http::Fields& fields) {
  fields.remove_if([&](const http::Field& field) {
    return (!rules.header_name.empty() && http::same_name(field.name, rules.header_name)) ||
           (!rules.key_header.empty() && http::same_name(field.name, rules.key_header));
  });
}

}  // namespace vsaproxy::routing
