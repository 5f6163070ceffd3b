#pragma once
// The parts of the file, each read into its part of Settings by a source file of its own. Called by
// parse_settings() in this order, since later parts refer to earlier ones.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/settings/mapping.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::settings {

// workers, state_dir, runtime_dir, limits, admin and log: parse_service.cc.
void parse_service(const Mapping& file, Settings& settings);

// listen or listeners: parse_listeners.cc.
void parse_listeners(const Mapping& file, Settings& settings);

// What a listener says on who may ask: parse_clients.cc. Last among its keys: some go with others.
void parse_access(const Mapping& mapping, Listener& listener);

// A literal address and a port, "127.0.0.1:3128" or "[::1]:3128". Nothing, with a problem,
// for anything else. IPv6 addresses come out in their one canonical spelling.
std::optional<TcpAddress> tcp_address_of(const YamlNode& node, Problems& problems);

// Names under credentials, with their index in Settings::credentials; no index: type none.
using CredentialNames = std::map<std::string, std::optional<std::size_t>, std::less<>>;

// credentials: parse_credentials.cc.
CredentialNames parse_credentials(const Mapping& file, Settings& settings);
// The value of an upstream's auth: a name, a credential in place (called as the upstream), or none.
std::optional<std::size_t> parse_auth(const YamlNode& auth, std::string_view upstream,
                                      const CredentialNames& names, Settings& settings,
                                      Problems& problems);

// The keys of a credential type's own table: parse_fields.cc.
void parse_fields(const Mapping& mapping, std::span<const base::Field> fields,
                  base::FieldValues& values);
// Those that stand in the credential's mapping itself: "request" for "request.method".
std::vector<std::string_view> keys_of(std::span<const base::Field> fields);

// The key cache of a credential, whose logs_in is set: parse_cache.cc.
void parse_cache(const Mapping& mapping, Credential& credential);
// That each session has a file of its own, once all upstreams are known.
void check_caches(const Settings& settings, Problems& problems);

// upstreams: parse_upstreams.cc.
void parse_upstreams(const Mapping& file, const CredentialNames& names, Settings& settings);

// mode, and routes or the one that goes without saying: parse_routes.cc.
void parse_routes(const Mapping& file, Settings& settings);

// methods, allow, deny and raw_paths of a route, whose other keys are read: parse_rules.cc.
void parse_rules(const Mapping& mapping, const Settings& settings, Route& route);

// True for what never leaves this machine: localhost, 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view host);

// A host name or address without a port, lower case and without brackets. Nothing, with a problem,
// for anything else.
std::optional<std::string> host_of(const YamlNode& node, Problems& problems);

}  // namespace vsaproxy::settings
