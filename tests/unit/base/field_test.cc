#include "proxy/base/field.h"

#include <catch2/catch.hpp>

namespace vsaproxy::base {

TEST_CASE("values of a credential are found by key, and a later one replaces an earlier") {
  FieldValues values;
  CHECK_FALSE(values.text("username"));
  values.set_text("username", "svc-a");
  values.set_text("username", "svc-b");
  CHECK(values.text("username") == "svc-b");
  CHECK_FALSE(values.text("user"));

  CHECK(values.secret("token") == nullptr);
  values.set_secret("token", {SecretRef::Kind::file, "vsa.pat", {3, 7}});
  REQUIRE(values.secret("token") != nullptr);
  CHECK(values.secret("token")->name == "vsa.pat");
}

TEST_CASE("where a secret's reference stands in the file does not make it another one") {
  const SecretRef first{SecretRef::Kind::env, "PSA_TOKEN", {1, 1}};
  CHECK(first == SecretRef{SecretRef::Kind::env, "PSA_TOKEN", {9, 9}});
  CHECK_FALSE(first == SecretRef{SecretRef::Kind::systemd, "PSA_TOKEN", {1, 1}});
  CHECK_FALSE(first == SecretRef{SecretRef::Kind::env, "OTHER", {1, 1}});
}

}  // namespace vsaproxy::base
