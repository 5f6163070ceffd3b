#include "proxy/routing/route_table.h"

#include <catch2/catch.hpp>
#include <string>

namespace vsaproxy::routing {
namespace {

// The one that fits comes last; the others differ from it in their second segment.
RouteTable routes(int count) {
  std::vector<RouteRule> rules(static_cast<std::size_t>(count));
  for (auto& rule : rules) {
    rule.path_prefix = "/customers/site-" + std::to_string(&rule - rules.data());
  }
  rules.back().path_prefix = "/customers/here";
  return RouteTable(std::move(rules));
}

}  // namespace

TEST_CASE("finding the last route", "[route_table]") {
  constexpr std::string_view path = "/Customers/Here/api/v1.0/assetmgmt/agents";
  const auto find = [&](const RouteTable& table) { return table.find("local", "127.0.0.1", path); };
  const RouteTable one = routes(1);
  const RouteTable ten = routes(10);
  const RouteTable hundred = routes(100);
  REQUIRE(find(one) == 0U);
  REQUIRE(find(ten) == 9U);
  REQUIRE(find(hundred) == 99U);
  BENCHMARK("of 1") { return find(one); };
  BENCHMARK("of 10") { return find(ten); };
  BENCHMARK("of 100") { return find(hundred); };
}

}  // namespace vsaproxy::routing
