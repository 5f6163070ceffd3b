#pragma once
// What a configuration says of requests, made from the settings alone: nothing is read for it, so
// that `explain` decides by what decides at run time. Immutable once made; shared by all workers.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/auth/message_editor.h"
#include "proxy/routing/access_policy.h"
#include "proxy/routing/route_table.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::relay {

// The routes of one upstream as a forward proxy's client sees them: by the upstream's own paths.
struct ForwardRoutes {
  routing::RouteTable table;
  std::vector<std::size_t> routes;  // index of the table to index into Settings::routes
};

struct RequestRules {
  std::shared_ptr<const settings::Settings> settings;
  std::optional<routing::RouteTable> routes;  // always set
  bool has_raw_paths = false;                 // some route lets "%2F" through
  std::vector<routing::AccessRules> access;   // by listener
  // By upstream.
  std::vector<ForwardRoutes> forward;
  std::vector<std::string> host_fields;  // the Host of every request
  // Null where the credential goes into fields only.
  std::vector<std::unique_ptr<const auth::MessageEditor>> editors;

  // Null: auth: none.
  const settings::Credential* credential_of(const settings::Upstream& upstream) const {
    return upstream.credential ? &settings->credentials[*upstream.credential] : nullptr;
  }
};

RequestRules make_request_rules(std::shared_ptr<const settings::Settings> settings);

}  // namespace vsaproxy::relay
