#include "proxy/auth/schemes/base_path.h"

#include <catch2/catch.hpp>

using namespace vsaproxy::auth;

TEST_CASE("a base is empty or a plain path") {
  CHECK(base_path_fault("") == "");
  CHECK(base_path_fault("/api/v3/") == "");
  for (const auto* base : {"api", "/a?b", "/a#b", "/a b", "/a\\b"})
    CHECK(base_path_fault(base) != "");
}

TEST_CASE("a call stands under its base with one slash between") {
  CHECK(under_base("/api/v3//", "/token") == "/api/v3/token");
  CHECK(under_base("", "/token") == "/token");
}
