#include "proxy/relay/client_access.h"

#include <fmt/format.h>

#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/base/text.h"
#include "proxy/http/name_set.h"
#include "proxy/relay/context.h"
#include "proxy/relay/request_plan.h"
#include "proxy/routing/access_policy.h"

namespace vsaproxy::relay {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

// Both forms in which a key may come; the header wins. Nothing if there is none, or several.
std::optional<ShownKey> shown_key(const KeyRing& ring, const http::RequestHead& head) {
  if (head.fields.count(ring.header) > 1) return std::nullopt;
  if (const http::Field* field = head.fields.find(ring.header)) {
    return ShownKey{std::nullopt, base::Secret(field->value)};
  }
  const http::Field* field = head.fields.find("Proxy-Authorization");
  if (field == nullptr || !is_for_a_proxy(head.target) ||
      head.fields.count("Proxy-Authorization") > 1) {
    return std::nullopt;
  }
  auto login = auth::read_basic_authorization(field->value);
  if (!login) return std::nullopt;
  return ShownKey{std::move(login->name), std::move(login->secret)};
}

// As a key of the counts; empty: a client that is not counted. Whoever is on this machine may open
// as many connections as it likes, and a trusted proxy has those of many clients.
std::string counted_name(const std::optional<routing::IpAddress>& address,
                         const std::optional<routing::LocalUser>& user,
                         const ClientPolicy* policy) {
  if (user) return fmt::format("uid:{}", user->uid);
  const bool is_proxy = address && policy && is_in(policy->rules.trusted_proxies, *address);
  if (!address || address->is_loopback() || is_proxy) return {};
  return "address:" + routing::to_string(*address);
}

}  // namespace

ClientAccess::ClientAccess(std::string_view peer, std::optional<routing::LocalUser> user)
    : address_(routing::parse_address_and_port(peer)), user_(std::move(user)) {}

ClientAccess::ClientAccess(Error refusal, int& surplus)
    : refusal_(std::move(refusal)), ends_connection_(true), surplus_(&surplus) {}

ClientAccess::~ClientAccess() {
  if (surplus_ != nullptr) --*surplus_;
}

Result<void> ClientAccess::count(ClientCounts& counts, const RelayConfig& config,
                                 std::size_t listener) {
  counts_ = &counts;
  most_connections_ = config.settings->limits.connections_per_client;
  const std::string client = counted_name(address_, user_, config.client_policies[listener].get());
  if (client.empty()) return {};
  auto slot = counts.take(client, most_connections_);
  if (!slot) {
    return base::fail(ErrorKind::overloaded, "limits.connections_per_client is reached");
  }
  slot_ = std::move(*slot);
  return {};
}

void ClientAccess::refuse(Error error) {
  if (!refusal_) refusal_ = std::move(error);
}

ClientAccess::Progress ClientAccess::decide(Context& context, const RelayConfig& config,
                                            std::size_t listener, const net::Stream& stream,
                                            http::RequestHead& head,
                                            std::function<void()> on_decided) {
  if (surplus_ != nullptr) return Progress::decided;
  refusal_.reset();
  is_bare_preflight_ = false;
  forwarded_for_.clear();
  name_ = user_ ? fmt::format("uid:{}", user_->uid) : "";
  const ClientPolicy* policy = config.client_policies[listener].get();
  if (policy == nullptr) return Progress::decided;
  auto fine = check_connection(policy->rules, stream, head.fields);
  if (!fine) {
    refuse(std::move(fine.error()));
    return Progress::decided;
  }
  const bool may_be_bare = !routing::listed_origin(config.access[listener], head.fields).empty() &&
                           routing::is_preflight(head.method, head.fields);
  fine = routing::check_required_header(policy->rules, head.fields);
  // Where there are keys it is the key's: changing over with each request would let others in.
  if (fine && !policy->keys && !policy->rules.certificates.empty()) {
    fine = count_as("certificate:" + name_);
  }
  auto progress = Progress::decided;
  if (!fine) {
    refuse(std::move(fine.error()));
    is_bare_preflight_ = may_be_bare && !ends_connection_;
  } else if (policy->keys) {
    progress = check_key(context, config, listener, head, std::move(on_decided));
    // A wrong key is one all the same.
    is_bare_preflight_ = may_be_bare && refusal_ && !ends_connection_;
  }
  routing::remove_own_fields(policy->rules, head.fields);
  return progress;
}

Result<void> ClientAccess::check_connection(const routing::ClientRules& rules,
                                            const net::Stream& stream, const http::Fields& fields) {
  const auto client = routing::client_address(rules, address_, fields);
  if (!client) return base::fail(client.error());
  if (*client != address_) forwarded_for_ = routing::to_string(**client);
  if (auto fine = routing::check_address(rules, *client); !fine) return fine;
  if (auto fine = routing::check_user(rules, user_); !fine) {
    // Whose it is was asked when it came, or never: a new connection may be let in.
    if (!user_) ends_connection_ = true;
    return fine;
  }
  if (rules.certificates.empty()) return {};
  const auto rule = routing::check_certificate(rules, stream.peer_dns_names());
  if (!rule) return base::fail(rule.error());
  name_ = *rule;
  return {};
}

ClientAccess::Progress ClientAccess::check_key(Context& context, const RelayConfig& config,
                                               std::size_t listener, const http::RequestHead& head,
                                               std::function<void()> on_decided) {
  const KeyRingPtr& ring = config.client_policies[listener]->keys;
  auto shown = shown_key(*ring, head);
  if (!shown) {
    refuse({ErrorKind::client_key_required,
            fmt::format("a key of this proxy is required, in the field {}", ring->header)});
    return Progress::decided;
  }
  if (shown->key.reveal().size() > auth::most_key_bytes) {
    refuse_key();
    return Progress::decided;
  }
  auto mark = mark_of(*shown);
  if (mark && mark == mark_ && ring == ring_) {
    accept_key(key_name_);
    return Progress::decided;
  }
  ring_ = ring;
  mark_ = std::move(mark);
  if (const auto known = context.key_checker().recall(*ring, *shown)) {
    accept_key(*known);
    return Progress::decided;
  }
  on_decided_ = std::move(on_decided);
  check_ = context.key_checker().check(
      context.loop(), ring, *std::move(shown),
      [this](const KeyChecker::Verdict& verdict) { on_key_checked(verdict); });
  if (check_) return Progress::pending;
  mark_.reset();
  ends_connection_ = true;
  refuse({ErrorKind::overloaded, "too many keys of clients are being checked"});
  return Progress::decided;
}

void ClientAccess::on_key_checked(const KeyChecker::Verdict& verdict) {
  check_.reset();
  if (verdict) {
    accept_key(*verdict);
  } else {
    refuse_key();
  }
  std::exchange(on_decided_, nullptr)();
}

void ClientAccess::accept_key(const std::string& name) {
  key_name_ = name;
  name_ = name;
  if (auto counted = count_as("key:" + name); !counted) refuse(std::move(counted.error()));
}

// A guess costs a connection.
void ClientAccess::refuse_key() {
  mark_.reset();
  ends_connection_ = true;
  refuse({ErrorKind::client_key_required, "the key is none of this proxy's"});
}

// From here on the connection is that one's. Where it is counted already, nothing changes.
Result<void> ClientAccess::count_as(const std::string& client) {
  if (counts_ == nullptr || slot_.client() == client) return {};
  auto slot = counts_->take(client, most_connections_);
  if (!slot) {
    ends_connection_ = true;
    return base::fail(ErrorKind::overloaded, "limits.connections_per_client is reached");
  }
  slot_ = std::move(*slot);
  return {};
}

}  // namespace vsaproxy::relay
