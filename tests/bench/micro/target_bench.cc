#include "proxy/http/target.h"

#include <catch2/catch.hpp>

namespace vsaproxy::http {

TEST_CASE("taking a target apart", "[target]") {
  BENCHMARK("a path with a query") {
    return parse_target("GET", "/api/v1.0/assetmgmt/agents?$top=100&$skip=200");
  };
  BENCHMARK("absolute form") {
    return parse_target("GET", "http://vsa.example.com/api/v1.0/assetmgmt/agents?$top=10");
  };
}

TEST_CASE("reading an authority", "[target]") {
  BENCHMARK("an address and a port") { return parse_authority("127.0.0.1:3128"); };
  BENCHMARK("a name") { return parse_authority("vsa.example.com"); };
  BENCHMARK("a name, only checked") { return is_authority("vsa.example.com"); };
}

}  // namespace vsaproxy::http
