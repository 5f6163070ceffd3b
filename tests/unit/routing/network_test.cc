#include "proxy/routing/network.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = parse_address(text);
  REQUIRE(parsed);
  return *parsed;
}

TEST_CASE("a network has the addresses of its prefix and no others") {
  struct Row {
    std::string_view network;
    std::string_view address;
    bool is_in;
  };
  for (const Row& row : {Row{"192.0.2.0/24", "192.0.2.255", true},
                         {"192.0.2.0/24", "192.0.3.0", false},
                         {"192.0.2.0/25", "192.0.2.128", false},
                         {"192.0.2.7", "192.0.2.7", true},
                         {"192.0.2.7", "192.0.2.6", false},
                         {"0.0.0.0/0", "203.0.113.9", true},
                         {"0.0.0.0/0", "2001:db8::1", false},
                         {"192.0.2.0/24", "::ffff:192.0.2.1", true},
                         {"::ffff:192.0.2.0/120", "192.0.2.1", true},
                         {"2001:db8::/32", "2001:db8:ffff::1", true},
                         {"2001:db8::/33", "2001:db8:8000::1", false},
                         {"::/0", "2001:db8::1", true},
                         {"::1/128", "::1", true},
                         {"127.0.0.0/8", "127.255.0.1", true}}) {
    CAPTURE(row.network, row.address);
    const auto network = parse_network(row.network);
    REQUIRE(network);
    CHECK(network->contains(address(row.address)) == row.is_in);
  }
}

TEST_CASE("what is no network is not taken for one") {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x",
        "10.0.0.1/8", "10.0.0/8", "2001:db8::/129", "2001:db8::1/32", "host", "10.0.0.0/8/8",
        "fe80::1%eth0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_network(text));
  }
}

TEST_CASE("an address may have a port, and an IPv6 address then has brackets") {
  CHECK(parse_address_and_port("192.0.2.1:80") == address("192.0.2.1"));
  CHECK(parse_address_and_port("192.0.2.1") == address("192.0.2.1"));
  CHECK(parse_address_and_port("[2001:db8::1]:80") == address("2001:db8::1"));
  CHECK(parse_address_and_port("2001:db8::1") == address("2001:db8::1"));
  for (const std::string_view text : {"unix", "192.0.2.1:", "192.0.2.1:x", "[192.0.2.1]:80", ""}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address_and_port(text));
  }
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1, mapped too") {
  for (const std::string_view text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    CHECK(address(text).is_loopback());
  }
  for (const std::string_view text : {"128.0.0.1", "::", "::2", "0.0.0.0"}) {
    CHECK_FALSE(address(text).is_loopback());
  }
  CHECK(to_string(address("::ffff:192.0.2.1")) == "192.0.2.1");
  CHECK(to_string(address("2001:db8::0:1")) == "2001:db8::1");
}

}  // namespace
}  // namespace vsaproxy::routing
