#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "proxy/base/text.h"
#include "proxy/settings/sections.h"
#include "proxy/settings/units.h"

namespace vsaproxy::settings {
namespace {

// sockaddr_un holds 108 bytes, one of them the end.
constexpr std::size_t longest_socket_path = 107;

struct HostAndPort {
  std::string_view host;  // without brackets
  std::string_view port;
};

std::optional<HostAndPort> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (in_brackets) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (host.empty() || has_colon != in_brackets) return std::nullopt;
  return HostAndPort{host, text.substr(colon + 1)};
}

// The address in its canonical spelling; nothing if it isn't a literal one.
std::optional<std::string> canonical(std::string_view host) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in_addr v4{};
  in6_addr v6{};
  const std::string name(host);
  const bool is_v4 = inet_pton(AF_INET, name.c_str(), &v4) == 1;
  if (!is_v4 && inet_pton(AF_INET6, name.c_str(), &v6) != 1) return std::nullopt;
  const void* bytes = is_v4 ? static_cast<const void*>(&v4) : &v6;
  if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text.data(), text.size())) return std::nullopt;
  return std::string(text.data());
}

std::optional<ListenAddress> unix_address_of(const YamlNode& node, std::string_view path,
                                             Problems& problems) {
  if (path.empty() || path.size() > longest_socket_path) {
    complain(node,
             fmt::format("needs a path of 1 to {} bytes after \"unix:\"", longest_socket_path),
             problems);
    return std::nullopt;
  }
  return UnixAddress{std::string(path)};
}

std::optional<ListenAddress> address_of(const YamlNode& node, Problems& problems) {
  const auto text = text_of(node, problems);
  if (!text) return std::nullopt;
  if (text->starts_with("unix:")) {
    return unix_address_of(node, std::string_view(*text).substr(5), problems);
  }
  if (text->starts_with("systemd:")) {
    const auto name = std::string_view(*text).substr(8);
    if (is_name(name)) return SystemdAddress{std::string(name)};
    complain(node,
             "needs a name after \"systemd:\": that of FileDescriptorName= in the socket unit",
             problems);
    return std::nullopt;
  }
  if (const auto tcp = tcp_address_of(node, problems)) return *tcp;
  return std::nullopt;
}

void parse_modes(const Mapping& mapping, Listener& listener) {
  if (!mapping.has("modes")) return;
  enum class Mode { reverse, forward };
  constexpr Choice<Mode> choices[] = {{"reverse", Mode::reverse},
                                      {"forward", Mode::forward},
                                      {"connect", std::nullopt},
                                      {"intercept", std::nullopt}};
  const auto entries = mapping.read_list("modes");
  listener.reverse = listener.forward = false;
  for (const YamlNode* entry : entries) {
    const auto mode = choice_of(*entry, std::span<const Choice<Mode>>(choices), mapping.problems());
    if (mode == Mode::reverse) listener.reverse = true;
    if (mode == Mode::forward) listener.forward = true;
  }
  const YamlNode& node = *mapping.find("modes");
  if (node.kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(node, "needs at least one of reverse and forward", mapping.problems());
  }
}

void parse_allowed_hosts(const Mapping& mapping, Listener& listener) {
  if (!mapping.has("allowed_hosts")) return;
  const auto entries = mapping.read_list("allowed_hosts");
  listener.allowed_hosts.clear();
  for (const YamlNode* entry : entries) {
    if (auto host = host_of(*entry, mapping.problems())) {
      listener.allowed_hosts.push_back(std::move(*host));
    }
  }
  const YamlNode& node = *mapping.find("allowed_hosts");
  if (node.kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(node, "needs at least one host: an empty list would refuse every request",
             mapping.problems());
  }
}

void parse_tls(const Mapping& mapping, Listener& listener) {
  const YamlNode* node = mapping.find("tls");
  if (!node) return;
  const Mapping tls(*node, "in \"tls\" " + mapping.where(), listener_tls_keys, mapping.problems());
  ListenerTls out;
  tls.need("certificate", "write {file: PATH} of the chain in PEM, leaf first");
  tls.need("key", "write {file: PATH} of the private key in PEM");
  if (auto certificate = tls.read_secret("certificate")) out.certificate = *certificate;
  if (auto key = tls.read_secret("key")) out.key = *key;
  out.client_ca = tls.read_secret("client_ca");
  tls.read_choice("min_version", out.min_version,
                  {{"1.2", TlsVersion::tls_1_2}, {"1.3", TlsVersion::tls_1_3}});
  listener.tls = std::move(out);
}

std::string place_name(const YamlNode& node, std::size_t index) {
  for (const YamlNode& entry : node.children) {
    if (entry.key == "name" && is_name(entry.text)) {
      return fmt::format("in listener {}", quote(entry.text));
    }
  }
  return fmt::format("in listener {}", index + 1);
}

void parse_listener(const YamlNode& node, std::size_t index, Settings& settings,
                    Problems& problems) {
  const Mapping mapping(node, place_name(node, index), listener_keys, problems);
  Listener listener;
  listener.place = node.spot.place;
  if (const YamlNode* address =
          mapping.need("address", "write 127.0.0.1:PORT, \"[::1]:PORT\" or unix:PATH")) {
    listener.place = address->spot.place;
    if (auto parsed = address_of(*address, problems)) {
      listener.address = *parsed;
      listener.name = to_string(*parsed);
    }
  }
  mapping.read_text("name", listener.name);
  if (mapping.has("name") && !listener.name.empty() && !is_name(mapping.find("name")->text)) {
    report_bad_name(mapping.find("name")->spot, problems);
  }
  parse_modes(mapping, listener);
  parse_allowed_hosts(mapping, listener);
  parse_tls(mapping, listener);
  parse_access(mapping, listener);
  settings.listeners.push_back(std::move(listener));
}

void parse_short_form(const YamlNode& node, Settings& settings, Problems& problems) {
  Listener listener;
  listener.place = node.spot.place;
  if (auto address = address_of(node, problems)) listener.address = *address;
  listener.name = to_string(listener.address);
  const auto* tcp = std::get_if<TcpAddress>(&listener.address);
  if (tcp != nullptr && !tcp->host.empty() && !is_loopback(tcp->host)) {
    complain(node, "is not a loopback address: that needs an entry of listeners with expose",
             problems);
  }
  settings.listeners.push_back(std::move(listener));
}

// Two spellings of one path are one address.
std::string address_key(const ListenAddress& address) {
  if (const auto* tcp = std::get_if<TcpAddress>(&address)) {
    return tcp->port == 0 ? "" : to_string(*tcp);
  }
  if (std::holds_alternative<SystemdAddress>(address)) return to_string(address);
  return "unix:" +
         std::filesystem::path(std::get<UnixAddress>(address).path).lexically_normal().string();
}

void check_listeners(const Settings& settings, Problems& problems) {
  std::set<std::string> names, addresses;
  if (settings.admin) addresses.insert(address_key(settings.admin->address));
  for (const Listener& listener : settings.listeners) {
    if (listener.name.empty()) continue;
    const Spot spot{listener.place};
    const auto address = address_key(listener.address);
    if (!address.empty() && !addresses.insert(address).second) {
      problems.add(spot, fmt::format("the address {} is used twice, by listeners or by admin",
                                     to_string(listener.address)));
    } else if (!names.insert(listener.name).second) {
      problems.add(spot,
                   fmt::format("two listeners are called \"{}\": give each a name", listener.name));
    }
  }
}

}  // namespace

std::string to_string(const ListenAddress& address) {
  if (const auto* local = std::get_if<UnixAddress>(&address)) return "unix:" + local->path;
  if (const auto* given = std::get_if<SystemdAddress>(&address)) return "systemd:" + given->name;
  const auto& tcp = std::get<TcpAddress>(address);
  const bool is_v6 = tcp.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", tcp.host, tcp.port)
               : fmt::format("{}:{}", tcp.host, tcp.port);
}

std::optional<TcpAddress> tcp_address_of(const YamlNode& node, Problems& problems) {
  const auto text = text_of(node, problems);
  if (!text) return std::nullopt;
  const auto parts = split_address(*text);
  const auto port = parts ? parse_count(parts->port, 0, 65535) : parse_count("", 0, 65535);
  const auto host = parts ? canonical(parts->host) : std::nullopt;
  if (!port || !host) {
    complain(node, "must be an address and a port, such as 127.0.0.1:3128 or \"[::1]:3128\"",
             problems);
    return std::nullopt;
  }
  return TcpAddress{*host, static_cast<std::uint16_t>(*port)};
}

std::optional<std::string> host_of(const YamlNode& node, Problems& problems) {
  const auto text = text_of(node, problems);
  if (!text) return std::nullopt;
  const auto authority = http::parse_authority(*text);
  const bool is_address_without_brackets = text->find(':') != text->rfind(':') && (*text)[0] != '[';
  if (is_address_without_brackets) {
    complain(node, "must have an IPv6 address in brackets and quotes: \"[::1]\"", problems);
  } else if (authority && authority->port) {
    complain(node, "must be a host without a port: ports are ignored", problems);
  } else if (!authority || authority->host.find('*') != std::string::npos) {
    complain(node, "must be a host name or an address", problems);
  } else {
    return authority->host;
  }
  return std::nullopt;
}

void parse_listeners(const Mapping& file, Settings& settings) {
  Problems& problems = file.problems();
  const YamlNode* list = file.find("listeners");
  const YamlNode* address = file.is_written("listeners")
                                ? file.find("listen")
                                : file.need("listen", "write listen: 127.0.0.1:3128");
  if (list && address) {
    problems.add(address->key_spot,
                 "\"listen\" is the short form of one entry of \"listeners\": write only one");
  }
  if (address) parse_short_form(*address, settings, problems);
  const auto entries = file.read_list("listeners");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    parse_listener(*entries[i], i, settings, problems);
  }
  if (list && list->kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(*list, "needs at least one entry", problems);
  }
  check_listeners(settings, problems);
}

}  // namespace vsaproxy::settings
