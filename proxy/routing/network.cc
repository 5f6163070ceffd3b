#include "proxy/routing/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace vsaproxy::routing {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int mapped_bits = 96;
constexpr int all_bits = 128;

bool is_bit_set(const IpAddress& address, int bit) {
  return (address.bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0;
}

std::optional<int> parse_bits(std::string_view text, int most) {
  int bits = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || bits < 0 || bits > most || text[0] == '+') return std::nullopt;
  return bits;
}

bool is_port(std::string_view text) {
  constexpr std::size_t most_digits = 5;
  return !text.empty() && text.size() <= most_digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[mapped_prefix.size()] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes.back() == 1;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  const std::string name(text);
  if (name.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET6, name.c_str(), address.bytes.data()) == 1) return address;
  address = {};
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes.begin());
  if (inet_pton(AF_INET, name.c_str(), &address.bytes[mapped_prefix.size()]) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> parse_address_and_port(std::string_view text) {
  if (const auto address = parse_address(text)) return address;
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return std::nullopt;
  return parse_address(text.substr(0, colon));
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_v4 = address.is_v4();
  inet_ntop(is_v4 ? AF_INET : AF_INET6, &address.bytes[is_v4 ? mapped_prefix.size() : 0],
            text.data(), text.size());
  return text.data();
}

bool Network::contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const int shift = 8 - bits % 8;
  return address.bytes[whole] >> shift == other.bytes[whole] >> shift;
}

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{*address, all_bits};
  if (slash == std::string_view::npos) return network;
  const bool is_dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  const int fixed = is_dotted ? mapped_bits : 0;
  const auto bits = parse_bits(text.substr(slash + 1), all_bits - fixed);
  if (!bits) return std::nullopt;
  network.bits = fixed + *bits;
  for (int bit = network.bits; bit < all_bits; ++bit) {
    if (is_bit_set(*address, bit)) return std::nullopt;
  }
  return network;
}

bool is_in(std::span<const Network> networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

}  // namespace vsaproxy::routing
