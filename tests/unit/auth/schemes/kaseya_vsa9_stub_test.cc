#include "proxy/auth/schemes/kaseya_vsa9_stub.h"

#include <catch2/catch.hpp>

#include "proxy/auth/json.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

constexpr base::WallTime now{std::chrono::seconds(1'700'000'000)};

StubRequest login(std::string_view path, std::string_view failure = "") {
  StubRequest request;
  request.path = path;
  request.now = now;
  request.expires = now + std::chrono::minutes(30);
  request.failure = failure;
  return request;
}

}  // namespace

TEST_CASE("a login of VSA 9 is answered in its exact shape with a placeholder") {
  const LocalAnswer answer = vsa9_stub(login("/auth"));
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json; charset=utf-8");
  CHECK(answer.body ==
        R"({"Result":{"TenantId":"1","Token":"10000000000000000000000000",)"
        R"("ApiToken":"10000000000000000000000000","UserName":"vsaproxy","RoleId":2,)"
        R"("ScopeId":"2","AdminId":1,"MachineId":null,"MachineGroupName":null,)"
        R"("Attributes":null,"SessionExpiration":"2023-11-14T22:43:20Z","OffSetInMinutes":0},)"
        R"("ResponseCode":0,"Status":"OK","Error":"None"})");
}

TEST_CASE("a login of VSA 9 fails as 503 with the reason, whatever characters that has") {
  const LocalAnswer answer = vsa9_stub(login("/auth", "no \"session\"\n"));
  CHECK(answer.status == 503);
  CHECK(answer.body == R"({"ResponseCode":503,"Status":"OK","Error":"no \"session\"\n"})");
}

TEST_CASE("a logout of VSA 9 succeeds, with a session or without") {
  StubRequest request = login("/system/users/session");
  request.call = LoginCall::logout;
  CHECK(vsa9_stub(request).body == R"({"ResponseCode":0,"Status":"OK","Error":"None"})");
  CHECK(vsa9_stub(request).status == 200);
}

TEST_CASE("the OAuth calls of VSA 9 are answered as RFC 6749 says") {
  const LocalAnswer good = vsa9_stub(login("/token"));
  CHECK(good.status == 200);
  CHECK(good.body == R"({"access_token":"10000000000000000000000000","token_type":"Bearer",)"
                     R"("expires_in":1800,"refresh_token":"10000000000000000000000000"})");
  const LocalAnswer failed = vsa9_stub(login("/authorize", "why"));
  CHECK(failed.status == 400);
  CHECK(failed.body == R"({"error":"invalid_request","error_description":"why"})");
}
