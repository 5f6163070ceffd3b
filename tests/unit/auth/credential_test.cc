#include "proxy/auth/credential.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using auth::Credential;

TEST_CASE("a credential replaces every field of its name, however the client spelt it") {
  http::Fields request;
  request.add("Accept", "text/plain");
  request.add("authorization", "Bearer of-the-client");
  request.add("AUTHORIZATION", "Basic of-the-client");
  Credential credential;
  credential.fields.push_back({"Authorization", base::Secret("Bearer 42")});
  credential.apply(request);
  REQUIRE(request.count("Authorization") == 1);
  CHECK(request.find("Authorization")->value == "Bearer 42");
  CHECK(request.find("Accept")->value == "text/plain");
}

TEST_CASE("all fields of a credential are put in") {
  http::Fields request;
  Credential credential;
  credential.fields.push_back({"X-Key", base::Secret("a")});
  credential.fields.push_back({"X-Account", base::Secret("b")});
  credential.apply(request);
  CHECK(request.find("x-key")->value == "a");
  CHECK(request.find("x-account")->value == "b");
}

TEST_CASE("a credential is expired from its end on, and never without one") {
  const base::Time end = base::Time(std::chrono::seconds(100));
  Credential credential;
  CHECK_FALSE(credential.is_expired(end));
  credential.expires = end;
  CHECK_FALSE(credential.is_expired(end - std::chrono::nanoseconds(1)));
  CHECK(credential.is_expired(end));
}
