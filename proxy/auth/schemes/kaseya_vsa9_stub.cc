#include "proxy/auth/schemes/kaseya_vsa9_stub.h"

#include "proxy/auth/stub_answer.h"

namespace vsaproxy::auth {
namespace {

LocalAnswer envelope(int status, int code, std::string_view error) {
  JsonWriter json;
  json.number("ResponseCode", code);
  json.text("Status", "OK");
  json.text("Error", error);
  return json.finish(status);
}

void write_session(const StubRequest& request, JsonWriter& json) {
  json.open_object("Result");
  json.text("TenantId", "1");
  json.text("Token", kaseya_placeholder);
  json.text("ApiToken", kaseya_placeholder);
  json.text("UserName", "vsaproxy");
  json.number("RoleId", 2);
  json.text("ScopeId", "2");
  json.number("AdminId", 1);
  json.null("MachineId");
  json.null("MachineGroupName");
  json.null("Attributes");
  json.text("SessionExpiration", utc_end(request));
  json.number("OffSetInMinutes", 0);
  json.close_object();
}

// POST /token and /authorize, as RFC 6749, 5.1 and 5.2.
LocalAnswer oauth_answer(const StubRequest& request) {
  JsonWriter json;
  if (!request.failure.empty()) {
    json.text("error", "invalid_request");
    json.text("error_description", request.failure);
    return json.finish(400);
  }
  json.text("access_token", kaseya_placeholder);
  json.text("token_type", "Bearer");
  json.number("expires_in", seconds_left(request));
  json.text("refresh_token", kaseya_placeholder);
  return json.finish(200);
}

}  // namespace

LocalAnswer vsa9_stub(const StubRequest& request) {
  if (request.call == LoginCall::logout) return envelope(200, 0, "None");
  if (request.path == "/token" || request.path == "/authorize") return oauth_answer(request);
  if (!request.failure.empty()) return envelope(503, 503, request.failure);
  JsonWriter json;
  write_session(request, json);
  json.number("ResponseCode", 0);
  json.text("Status", "OK");
  json.text("Error", "None");
  return json.finish(200);
}

}  // namespace vsaproxy::auth
