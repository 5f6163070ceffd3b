#include <algorithm>
#include <charconv>
#include <set>

#include "proxy/auth/key_hash.h"
#include "proxy/base/text.h"
#include "proxy/http/name_set.h"
#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

// A key in the header field is tried against each hash.
constexpr std::size_t most_keys = 32;

// What the proxy itself reads or writes can't be a key's or a marker's field.
constexpr std::string_view taken_fields[] = {"Host",
                                             "Connection",
                                             "Content-Length",
                                             "Transfer-Encoding",
                                             "TE",
                                             "Trailer",
                                             "Upgrade",
                                             "Keep-Alive",
                                             "Expect",
                                             "Origin",
                                             "Referer",
                                             "Sec-Fetch-Site",
                                             "Forwarded",
                                             "X-Forwarded-For",
                                             "Cookie",
                                             "Authorization",
                                             "Proxy-Authorization"};

bool is_field_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const char lower = base::to_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

void read_field_name(const Mapping& mapping, std::string_view key, std::string& out) {
  const YamlNode* node = mapping.find(key);
  if (!node) return;
  const auto name = text_of(*node, mapping.problems());
  if (!name) return;
  const bool is_taken =
      std::any_of(std::begin(taken_fields), std::end(taken_fields),
                  [&](std::string_view taken) { return base::equals_ignoring_case(taken, *name); });
  if (!is_field_name(*name)) {
    complain(*node, "must be the name of a field: letters, digits and \"-\"", mapping.problems());
  } else if (is_taken) {
    complain(*node, "must be a field of its own, such as X-Vsaproxy-Request", mapping.problems());
  } else {
    out = *name;
  }
}

void read_networks(const Mapping& mapping, std::string_view key,
                   std::vector<routing::Network>& out) {
  for (const YamlNode* entry : mapping.read_list(key)) {
    const auto text = text_of(*entry, mapping.problems());
    if (!text) continue;
    if (const auto network = routing::parse_network(*text)) {
      out.push_back(*network);
    } else {
      complain(*entry,
               "must be an address or a network with no bits behind its prefix, such as "
               "192.0.2.0/24 or \"2001:db8::/32\"",
               mapping.problems());
    }
  }
}

std::optional<Account> account_of(const YamlNode& node, Problems& problems) {
  auto name = text_of(node, problems);
  if (!name) return std::nullopt;
  return Account{std::move(*name), node.spot.place};
}

void read_accounts(const Mapping& mapping, std::string_view key, std::vector<Account>& out) {
  const auto entries = mapping.read_list(key);
  for (const YamlNode* entry : entries) {
    if (auto account = account_of(*entry, mapping.problems())) out.push_back(std::move(*account));
  }
  const YamlNode* node = mapping.find(key);
  if (node && node->kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(*node, "needs at least one name: an empty list would refuse everybody",
             mapping.problems());
  }
}

void parse_origins(const Mapping& mapping, Browsers& browsers) {
  mapping.need("allow_origins", "write allow_origins: [https://tool.example]");
  const auto entries = mapping.read_list("allow_origins");
  for (const YamlNode* entry : entries) {
    const auto text = text_of(*entry, mapping.problems());
    const auto url = text ? http::parse_url(*text) : http::parse_url("");
    const bool has_path = text && std::count(text->begin(), text->end(), '/') != 2;
    if (url && !has_path) {
      browsers.origins.push_back(url->origin);
    } else if (text) {
      complain(*entry, "must be an origin: scheme, host and port only, as https://tool.example",
               mapping.problems());
    }
  }
  const YamlNode* node = mapping.find("allow_origins");
  if (node && node->kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(*node, "needs at least one origin; for the same origin alone: browsers: same-origin",
             mapping.problems());
  }
}

void parse_browsers(const Mapping& mapping, Browsers& browsers) {
  const YamlNode* node = mapping.find("browsers");
  if (!node) return;
  if (node->kind == YamlNode::Kind::mapping) {
    browsers.same_origin = true;
    const Mapping inner(*node, "in \"browsers\" " + mapping.where(), browsers_keys,
                        mapping.problems());
    parse_origins(inner, browsers);
    return;
  }
  mapping.read_choice("browsers", browsers.same_origin, {{"refuse", false}, {"same-origin", true}});
}

void parse_require_header(const Mapping& mapping, std::optional<RequiredHeader>& out) {
  const YamlNode* node = mapping.find("require_header");
  if (!node) return;
  const Mapping inner(*node, "in \"require_header\" " + mapping.where(), require_header_keys,
                      mapping.problems());
  RequiredHeader header;
  inner.need("name", "write name: X-Vsaproxy-Request");
  inner.need("value", "write value: \"true\"");
  read_field_name(inner, "name", header.name);
  inner.read_text("value", header.value);
  if (header.value != base::trim(header.value)) {
    complain(*inner.find("value"), "must not begin or end with a space", mapping.problems());
  }
  out = std::move(header);
}

void parse_socket(const Mapping& mapping, UnixSocket& socket) {
  const YamlNode* node = mapping.find("socket");
  if (!node) return;
  const Mapping inner(*node, "in \"socket\" " + mapping.where(), socket_keys, mapping.problems());
  if (const YamlNode* mode = inner.find("mode")) {
    std::uint32_t value = 0;
    const std::string& text = mode->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    const bool is_octal = mode->is_scalar() && error == std::errc() &&
                          end == text.data() + text.size() && text.starts_with('0') &&
                          text.size() == 4;
    if (is_octal && (value & 0600) == 0600) {
      socket.mode = value;
    } else {
      complain(*mode, "must be an octal mode with 06 for the owner, such as \"0660\"",
               mapping.problems());
    }
  }
  if (const YamlNode* owner = inner.find("owner")) {
    socket.owner = account_of(*owner, mapping.problems());
  }
  if (const YamlNode* group = inner.find("group")) {
    socket.group = account_of(*group, mapping.problems());
  }
}

// By other machines. A socket of systemd's may be: it is asked when it is opened.
bool is_reachable(const Listener& listener) {
  const auto* tcp = std::get_if<TcpAddress>(&listener.address);
  return tcp != nullptr && !tcp->host.empty() && !is_loopback(tcp->host);
}

// A name for the log, once in its list.
void read_rule_name(const Mapping& rule, std::set<std::string>& names, std::string& out) {
  rule.need("name", "write name: NAME");
  const YamlNode* node = rule.find("name");
  rule.read_text("name", out);
  if (!node || out.empty()) return;
  if (!is_name(out)) {
    report_bad_name(node->spot, rule.problems());
  } else if (!names.insert(out).second) {
    complain(*node, "is used twice in this list", rule.problems());
  }
}

void parse_api_key(const Mapping& mapping, std::set<std::string>& names, ApiKey& out) {
  read_rule_name(mapping, names, out.name);
  mapping.need("hash", "make one with \"vsaproxy hash\"");
  const YamlNode* hash = mapping.find("hash");
  if (!hash) return;
  // Not quoted in the problem: the key itself may stand here.
  const auto parsed = auth::parse_key_hash(hash->is_scalar() ? hash->text : "");
  if (parsed) {
    out.hash = hash->text;
  } else {
    mapping.problems().add(hash->key_spot, "\"hash\" " + parsed.error().detail);
  }
}

void parse_api_keys(const Mapping& clients, std::optional<ApiKeys>& out) {
  const YamlNode* node = clients.find("api_keys");
  if (!node) return;
  const std::string where = "in \"api_keys\" " + clients.where();
  const Mapping mapping(*node, where, api_keys_keys, clients.problems());
  ApiKeys keys;
  read_field_name(mapping, "header", keys.header);
  mapping.need("keys", "write keys: [{name: NAME, hash: HASH}]");
  std::set<std::string> names;
  const auto entries = mapping.read_list("keys");
  for (const YamlNode* entry : entries) {
    const Mapping one(*entry, where, api_key_keys, clients.problems());
    keys.keys.emplace_back();
    parse_api_key(one, names, keys.keys.back());
  }
  const YamlNode* list = mapping.find("keys");
  if (list && list->kind == YamlNode::Kind::sequence &&
      (entries.empty() || entries.size() > most_keys)) {
    complain(*list, fmt::format("needs 1 to {} keys", most_keys), clients.problems());
  }
  out = std::move(keys);
}

void parse_certificates(const Mapping& clients, const Listener& listener,
                        std::vector<CertificateRule>& out) {
  const YamlNode* node = clients.find("certificates");
  std::set<std::string> names;
  for (const YamlNode* entry : clients.read_list("certificates")) {
    const Mapping rule(*entry, "in \"certificates\" " + clients.where(), certificate_keys,
                       clients.problems());
    out.emplace_back();
    read_rule_name(rule, names, out.back().name);
    if (const YamlNode* san = rule.need("san_dns", "write the DNS name of the certificate")) {
      if (auto host = host_of(*san, clients.problems())) out.back().san_dns = std::move(*host);
    }
  }
  if (node && !(listener.tls && listener.tls->client_ca)) {
    complain(*node, "needs client_ca in tls: without it clients show no certificate",
             clients.problems());
  } else if (node && node->kind == YamlNode::Kind::sequence && node->children.empty()) {
    complain(*node, "needs at least one rule; client_ca alone lets every certificate of it in",
             clients.problems());
  }
}

// Rules that could never let anybody in, or that nothing could be asked about.
void check_kinds(const Mapping& clients, const Listener& listener) {
  const YamlNode* allow = clients.find("allow");
  if (allow && allow->kind == YamlNode::Kind::sequence && allow->children.empty()) {
    complain(*allow, "needs at least one network: an empty list would refuse everybody",
             clients.problems());
  }
  const bool is_unix = std::holds_alternative<UnixAddress>(listener.address);
  for (const std::string_view key : {"allow", "deny"}) {
    const YamlNode* written = clients.find(key);
    if (!written || !is_unix) continue;
    complain(*written, "is for addresses, and clients of a Unix socket have none: see local_users",
             clients.problems());
  }
  for (const std::string_view key : {"local_users", "local_groups"}) {
    const YamlNode* written = clients.find(key);
    if (!written || !is_reachable(listener)) continue;
    complain(*written,
             "works on loopback addresses and Unix sockets only: the users of other machines can't "
             "be told",
             clients.problems());
  }
}

void parse_clients(const Mapping& mapping, Listener& listener) {
  const YamlNode* node = mapping.find("clients");
  if (!node) return;
  const Mapping clients(*node, "in \"clients\" " + mapping.where(), clients_keys,
                        mapping.problems());
  Clients& out = listener.clients;
  read_networks(clients, "allow", out.allow);
  read_networks(clients, "deny", out.deny);
  read_accounts(clients, "local_users", out.local_users);
  read_accounts(clients, "local_groups", out.local_groups);
  parse_api_keys(clients, out.api_keys);
  parse_certificates(clients, listener, out.certificates);
  check_kinds(clients, listener);
}

// Both want the field, each another value.
void check_own_fields(const Mapping& mapping, const Listener& listener) {
  const YamlNode* node = mapping.find("require_header");
  if (!node || !listener.require_header || !listener.clients.api_keys) return;
  if (http::same_name(listener.require_header->name, listener.clients.api_keys->header)) {
    complain(*node, "names the field in which keys come (header of api_keys): name another one",
             mapping.problems());
  }
}

const Spot& place_of_exposure(const Mapping& mapping) {
  const bool is_written = mapping.has("expose");
  return is_written ? mapping.find("expose")->key_spot : mapping.find("address")->spot;
}

// What must protect a listener that other machines may reach.
void check_exposure(const Mapping& mapping, const Listener& listener) {
  const Clients& clients = listener.clients;
  const bool has_rule = !clients.allow.empty() || clients.api_keys ||
                        (listener.tls && listener.tls->client_ca) || !clients.local_users.empty() ||
                        !clients.local_groups.empty();
  const bool is_plain_tcp =
      !listener.tls &&
      (is_reachable(listener) || std::holds_alternative<SystemdAddress>(listener.address));
  if (!has_rule) {
    mapping.problems().add(place_of_exposure(mapping),
                           "\"expose\" needs a rule on clients: allow or api_keys under clients, "
                           "or client_ca in tls");
  } else if (is_plain_tcp && !listener.require_header && !clients.api_keys) {
    mapping.problems().add(place_of_exposure(mapping),
                           "\"expose\" without tls needs require_header or api_keys: browsers "
                           "don't tell a plain address what they are, and a rule on addresses "
                           "does not stop them");
  }
}

}  // namespace

void parse_access(const Mapping& mapping, Listener& listener) {
  const std::size_t faults_before = mapping.problems().size();
  parse_browsers(mapping, listener.browsers);
  parse_require_header(mapping, listener.require_header);
  parse_socket(mapping, listener.socket);
  const bool is_unix = std::holds_alternative<UnixAddress>(listener.address);
  if (mapping.has("socket") && !is_unix) {
    complain(*mapping.find("socket"), "is for unix: addresses only", mapping.problems());
  }
  mapping.read("expose", listener.expose);
  read_networks(mapping, "trusted_proxies", listener.trusted_proxies);
  parse_clients(mapping, listener);
  check_own_fields(mapping, listener);
  if (is_unix && !listener.trusted_proxies.empty()) {
    complain(*mapping.find("trusted_proxies"),
             "is for addresses, and clients of a Unix socket have none", mapping.problems());
  }
  if (is_reachable(listener) && !listener.expose) {
    mapping.problems().add(place_of_exposure(mapping),
                           "\"address\" is not a loopback address: whoever reaches it could use "
                           "the account; write 127.0.0.1 or [::1], or expose: true and rules under "
                           "clients");
  }
  const bool is_read_well = mapping.problems().size() == faults_before;
  if (listener.expose && is_read_well) check_exposure(mapping, listener);
}

}  // namespace vsaproxy::settings
