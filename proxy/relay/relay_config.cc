#include "proxy/relay/relay_config.h"

#include <algorithm>
#include <utility>

#include "proxy/ops/local_accounts.h"
#include "proxy/ops/secret_source.h"
#include "proxy/settings/route_rules.h"

namespace vsaproxy::relay {
namespace {

using base::Result;

struct TlsFiles {
  std::string certificate;
  base::Secret key;
  std::string client_ca;

  net::ServerTls::Parts parts(settings::TlsVersion min_version) const {
    return {certificate, key, client_ca, min_version};
  }
};

Result<TlsFiles> read_tls(const settings::Settings& settings, const settings::ListenerTls& tls,
                          const ops::PrintedTexts& printed) {
  auto certificate = ops::read_public(tls.certificate, settings.file, printed);
  if (!certificate) return base::fail(std::move(certificate.error()));
  auto key = ops::read_secret(tls.key, settings.file, printed);
  if (!key) return base::fail(std::move(key.error()));
  auto client_ca = ops::read_optional_public(tls.client_ca, settings.file, printed);
  if (!client_ca) return base::fail(std::move(client_ca.error()));
  return TlsFiles{std::move(*certificate), std::move(*key), std::move(*client_ca)};
}

Result<std::shared_ptr<net::ServerTls>> listener_tls(const settings::Settings& settings,
                                                     const settings::ListenerTls& tls,
                                                     const ops::PrintedTexts& printed) {
  const auto files = read_tls(settings, tls, printed);
  if (!files) return base::fail(files.error());
  return net::ServerTls::make(files->parts(tls.min_version));
}

Result<void> add_users(const settings::Clients& clients, routing::ClientRules& rules) {
  rules.checks_users = !clients.local_users.empty() || !clients.local_groups.empty();
  for (const settings::Account& account : clients.local_users) {
    const auto user = ops::find_user(account.name);
    if (!user) return base::fail(user.error());
    rules.users.push_back(*user);
  }
  for (const settings::Account& account : clients.local_groups) {
    const auto group = ops::find_group(account.name);
    if (!group) return base::fail(group.error());
    rules.groups.push_back(*group);
    const auto members = ops::members_of(*group);
    rules.users.insert(rules.users.end(), members.begin(), members.end());
  }
  return {};
}

KeyRingPtr key_ring(const settings::Clients& clients) {
  if (!clients.api_keys) return nullptr;
  auto ring = std::make_shared<KeyRing>();
  ring->header = clients.api_keys->header;
  for (const settings::ApiKey& key : clients.api_keys->keys) {
    // The loader has parsed it already.
    if (auto hash = auth::parse_key_hash(key.hash)) ring->keys.push_back({key.name, *hash});
  }
  return ring;
}

Result<std::unique_ptr<const ClientPolicy>> client_policy(const settings::Listener& listener) {
  auto policy = std::make_unique<ClientPolicy>();
  const settings::Clients& clients = listener.clients;
  routing::ClientRules& rules = policy->rules;
  rules = settings::client_rules(listener);
  if (auto added = add_users(clients, rules); !added) return base::fail(added.error());
  policy->keys = key_ring(clients);
  if (!rules.has_any() && !policy->keys) return std::unique_ptr<const ClientPolicy>();
  return std::unique_ptr<const ClientPolicy>(std::move(policy));
}

// Tried once here, so that workers can't fail on it later.
Result<ops::UpstreamFiles> upstream_files(const settings::Settings& settings,
                                          const settings::Upstream& upstream,
                                          const ops::PrintedTexts& printed) {
  auto files = ops::read_upstream_files(upstream.tls, settings.file, printed);
  if (!files || upstream.origin.scheme != "https") return files;
  auto tls = net::ClientTls::make(upstream.origin, upstream.tls, *files);
  if (!tls) return base::fail(std::move(tls.error()));
  return files;
}

Result<void> add_listener(const settings::Settings& settings, const settings::Listener& listener,
                          const ops::PrintedTexts& printed, RelayConfig& config) {
  auto policy = client_policy(listener);
  if (!policy) return base::fail(policy.error());
  config.client_policies.push_back(std::move(*policy));
  config.listener_tls.emplace_back();
  config.tls_stamps.push_back(0);
  if (!listener.tls) return {};
  // Before they are read: a change in between is seen later.
  config.tls_stamps.back() = tls_stamp(settings, *listener.tls);
  auto tls = listener_tls(settings, *listener.tls, printed);
  if (!tls) return base::fail(tls.error());
  config.listener_tls.back() = std::move(*tls);
  return {};
}

std::shared_ptr<RequestGate> gate_for(const settings::Upstream& upstream,
                                      const RelayConfig* former) {
  if (!upstream.limits) return nullptr;
  for (std::size_t i = 0; former != nullptr && i < former->gates.size(); ++i) {
    const settings::Upstream& known = former->settings->upstreams[i];
    if (known.name == upstream.name && known.origin == upstream.origin && former->gates[i]) {
      return former->gates[i];
    }
  }
  return std::make_shared<RequestGate>(*upstream.limits);
}

}  // namespace

std::uint64_t tls_stamp(const settings::Settings& settings, const settings::ListenerTls& tls) {
  std::uint64_t stamp = ops::secret_stamp(tls.certificate, settings.file);
  const auto add = [&stamp](std::uint64_t next) { stamp = stamp * 0x9e3779b97f4a7c15ULL + next; };
  add(ops::secret_stamp(tls.key, settings.file));
  if (tls.client_ca) add(ops::secret_stamp(*tls.client_ca, settings.file));
  return stamp;
}

Result<void> renew_tls(const settings::Settings& settings, const settings::ListenerTls& tls,
                       const ops::PrintedTexts& printed, net::ServerTls& used) {
  const auto files = read_tls(settings, tls, printed);
  if (!files) return base::fail(files.error());
  return used.replace(files->parts(tls.min_version));
}

Result<RelayConfigPtr> make_relay_config(std::shared_ptr<const settings::Settings> settings,
                                         std::vector<std::optional<tokens::SessionId>> sessions,
                                         const ops::PrintedTexts& printed,
                                         const RelayConfig* former) {
  auto config = std::make_shared<RelayConfig>(make_request_rules(settings));
  config->sessions = std::move(sessions);
  for (const settings::Listener& listener : settings->listeners) {
    if (auto added = add_listener(*settings, listener, printed, *config); !added) {
      return base::fail(base::ErrorKind::configuration,
                        "listener " + listener.name + ": " + added.error().detail);
    }
  }
  for (const settings::Upstream& upstream : settings->upstreams) {
    config->gates.push_back(gate_for(upstream, former));
    auto files = upstream_files(*settings, upstream, printed);
    if (!files) {
      return base::fail(base::ErrorKind::configuration,
                        "upstream " + upstream.name + ": " + files.error().detail);
    }
    config->upstream_files.push_back(std::move(*files));
  }
  return config;
}

void adopt_limits(const RelayConfig& config, base::Time now) {
  for (std::size_t i = 0; i < config.gates.size(); ++i) {
    if (config.gates[i]) config.gates[i]->set_limits(*config.settings->upstreams[i].limits, now);
  }
}

}  // namespace vsaproxy::relay
