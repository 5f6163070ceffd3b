#pragma once
// One configuration, ready for use: the settings with everything that had to be read or made for
// them. Immutable; shared by all workers; exchanges keep the one they began with.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/tls_context.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/relay/key_checker.h"
#include "proxy/relay/request_gate.h"
#include "proxy/relay/request_rules.h"
#include "proxy/routing/client_rules.h"
#include "proxy/settings/settings.h"
#include "proxy/tokens/session_update.h"

namespace vsaproxy::relay {

// Who may ask at one listener.
struct ClientPolicy {
  routing::ClientRules rules;
  KeyRingPtr keys;  // null: none is asked for
};

struct RelayConfig : RequestRules {
  explicit RelayConfig(RequestRules rules) : RequestRules(std::move(rules)) {}

  // By listener.
  std::vector<std::shared_ptr<net::ServerTls>> listener_tls;  // null: plain
  std::vector<std::uint64_t> tls_stamps;                      // of the files that it was read from
  std::vector<std::unique_ptr<const ClientPolicy>> client_policies;  // null: everybody may ask
  // By upstream.
  std::vector<std::optional<tokens::SessionId>> sessions;
  std::vector<ops::UpstreamFiles> upstream_files;
  std::vector<std::shared_ptr<RequestGate>> gates;  // null: no limits

  // What a listener asks of its clients' certificates now: it changes with the files.
  net::ClientTrust trust_of(std::size_t listener) const {
    return listener_tls[listener] ? listener_tls[listener]->trust() : net::plain_trust;
  }
};

using RelayConfigPtr = std::shared_ptr<const RelayConfig>;

// A number that changes when one of the files of a listener's TLS does.
std::uint64_t tls_stamp(const settings::Settings& settings, const settings::ListenerTls& tls);
// Reads those files again, and takes what its programs have printed; the former ones stay in use on
// an error. Errors: configuration.
base::Result<void> renew_tls(const settings::Settings& settings, const settings::ListenerTls& tls,
                             const ops::PrintedTexts& printed, net::ServerTls& used);

// Reads certificates and keys, looks up users and groups; programs for them have printed already.
// Gates of `former` are shared, for upstreams of the same name and origin. Errors: configuration,
// with the listener or upstream.
base::Result<RelayConfigPtr> make_relay_config(
    std::shared_ptr<const settings::Settings> settings,
    std::vector<std::optional<tokens::SessionId>> sessions, const ops::PrintedTexts& printed,
    const RelayConfig* former = nullptr);

// Once the configuration is in use: shared gates have its limits from now on.
void adopt_limits(const RelayConfig& config, base::Time now);

}  // namespace vsaproxy::relay
