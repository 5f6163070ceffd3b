#include <catch2/catch.hpp>

#include "proxy/http/target.h"

namespace vsaproxy::http {

TEST_CASE("normalizing a path", "[path]") {
  NormalizedPath path;
  BENCHMARK("a plain path") {
    return normalize_path("/api/v1.0/assetmgmt/agents", {}, path).has_value();
  };
  BENCHMARK("escapes and doubled slashes") {
    return normalize_path("/api/v1.0//assetmgmt/agents/J%C3%BCrgen%27s%20laptop", {}, path)
        .has_value();
  };
  BENCHMARK("a plain path, into a new object") {
    return normalize_path("/api/v1.0/assetmgmt/agents", {});
  };
}

}  // namespace vsaproxy::http
