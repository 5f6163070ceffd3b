#pragma once
// Who may ask at a listener, as far as the connection and a request's fields tell: address, user of
// this machine, certificate, required field. Pure; constant rules that workers may share.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/routing/network.h"

namespace vsaproxy::routing {

// The user at the other end, as the kernel tells.
struct LocalUser {
  std::uint32_t uid = 0;
  std::vector<std::uint32_t> groups;  // empty where the kernel only tells the user
};

struct ClientRules {
  struct Certificate {
    std::string name;      // for the log
    std::string dns_name;  // lower case
  };

  std::vector<Network> allow;  // empty: everybody
  std::vector<Network> deny;   // wins
  std::vector<Network> trusted_proxies;
  bool checks_users = false;
  std::vector<std::uint32_t> users;  // members of the groups too
  std::vector<std::uint32_t> groups;
  std::vector<Certificate> certificates;  // empty: whatever TLS accepts
  std::string header_name;                // empty: none is required
  std::string header_value;
  std::string key_header;  // the field of API keys, which are checked elsewhere; empty: none

  // False if every request would pass: there is nothing to ask.
  bool has_any() const;
};

// The client behind trusted proxies: the last address of X-Forwarded-For that is none of them
// (`peer` itself if it is not trusted, or the field is absent). Error: bad_request, if a trusted
// proxy wrote something else than an address there.
base::Result<std::optional<IpAddress>> client_address(const ClientRules& rules,
                                                      const std::optional<IpAddress>& peer,
                                                      const http::Fields& fields);

// Each has the error client_denied. What is not known is denied by a rule that asks for it.
base::Result<void> check_address(const ClientRules& rules, const std::optional<IpAddress>& client);
base::Result<void> check_user(const ClientRules& rules, const std::optional<LocalUser>& user);
// The name of the rule that the certificate of these DNS names fulfils.
base::Result<std::string_view> check_certificate(const ClientRules& rules,
                                                 const std::vector<std::string>& dns_names);
base::Result<void> check_required_header(const ClientRules& rules, const http::Fields& fields);

// The fields that were for the proxy: the required one, and that of the keys.
void remove_own_fields(const ClientRules& rules, http::Fields& fields);

}  // namespace vsaproxy::routing
