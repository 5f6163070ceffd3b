#pragma once
// Addresses of clients and ranges of them (CIDR, RFC 4632). An IPv4 address and its IPv4-mapped
// IPv6 form are one address. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vsaproxy::routing {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2)

  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8 or ::1
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; nothing for a name, a port or a zone.
std::optional<IpAddress> parse_address(std::string_view text);
// The same, with or without a port: "192.0.2.1:80", "[2001:db8::1]:80".
std::optional<IpAddress> parse_address_and_port(std::string_view text);

// Without brackets; "192.0.2.1" for IPv4-mapped ones.
std::string to_string(const IpAddress& address);

struct Network {
  IpAddress address;
  int bits = 128;  // of the 16 bytes: 96 more than an IPv4 prefix says

  bool contains(const IpAddress& other) const;
  friend bool operator==(const Network&, const Network&) = default;
};

// "192.0.2.0/24", "2001:db8::/32", or one address. Nothing if it is neither, or if bits are set
// behind the prefix: "192.0.2.1/24" may be meant either way.
std::optional<Network> parse_network(std::string_view text);

bool is_in(std::span<const Network> networks, const IpAddress& address);

}  // namespace vsaproxy::routing
