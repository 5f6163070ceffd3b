#pragma once
// A listener of the configuration: where clients connect, and who may. Part of Settings; its
// initial values are the defaults.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/base/field.h"
#include "proxy/http/target.h"
#include "proxy/routing/network.h"

namespace vsaproxy::settings {

enum class TlsVersion { tls_1_2, tls_1_3 };

struct TcpAddress {
  std::string host;  // a literal address, IPv6 without brackets
  std::uint16_t port = 0;
  friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};

struct UnixAddress {
  std::string path;  // as written: relative ones stand in the runtime directory
  friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

// A socket that systemd opened and hands over by this name (FileDescriptorName=).
struct SystemdAddress {
  std::string name;
  friend bool operator==(const SystemdAddress&, const SystemdAddress&) = default;
};

using ListenAddress = std::variant<TcpAddress, UnixAddress, SystemdAddress>;
// "127.0.0.1:3128", "[::1]:3128", "unix:proxy.sock", "systemd:http": as people write it.
std::string to_string(const ListenAddress& address);

// The parts of a certificate are files, read as secrets are.
struct ListenerTls {
  base::SecretRef certificate;  // the chain, PEM, leaf first
  base::SecretRef key;
  std::optional<base::SecretRef> client_ca;  // set: a client certificate is required
  TlsVersion min_version = TlsVersion::tls_1_2;
  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

// A user or group of this machine, by name or number.
struct Account {
  std::string name;
  base::Place place;
  friend bool operator==(const Account& a, const Account& b) { return a.name == b.name; }
};

struct UnixSocket {
  std::uint32_t mode = 0600;
  std::optional<Account> owner;
  std::optional<Account> group;
  friend bool operator==(const UnixSocket&, const UnixSocket&) = default;
};

struct Browsers {
  bool same_origin = false;           // else all are refused
  std::vector<http::Origin> origins;  // let through beside the same origin
  friend bool operator==(const Browsers&, const Browsers&) = default;
};

struct RequiredHeader {
  std::string name;
  std::string value;
  friend bool operator==(const RequiredHeader&, const RequiredHeader&) = default;
};

struct ApiKey {
  std::string name;
  std::string hash;  // of `vsaproxy hash`
  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

struct ApiKeys {
  std::string header = "X-Vsaproxy-Key";
  std::vector<ApiKey> keys;
  friend bool operator==(const ApiKeys&, const ApiKeys&) = default;
};

struct CertificateRule {
  std::string name;
  std::string san_dns;  // lower case
  friend bool operator==(const CertificateRule&, const CertificateRule&) = default;
};

// Each kind that is written must be fulfilled; users and groups are one kind.
struct Clients {
  std::vector<routing::Network> allow;
  std::vector<routing::Network> deny;
  std::vector<Account> local_users;
  std::vector<Account> local_groups;
  std::optional<ApiKeys> api_keys;
  std::vector<CertificateRule> certificates;
  friend bool operator==(const Clients&, const Clients&) = default;
};

struct Listener {
  std::string name;
  ListenAddress address;
  base::Place place;
  bool reverse = true;
  bool forward = true;
  // Host field without port, lower case, IPv6 without brackets.
  std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "::1"};
  Browsers browsers;
  std::optional<RequiredHeader> require_header;
  Clients clients;
  UnixSocket socket;
  bool expose = false;  // other machines may reach it
  std::optional<ListenerTls> tls;
  std::vector<routing::Network> trusted_proxies;
};

}  // namespace vsaproxy::settings
