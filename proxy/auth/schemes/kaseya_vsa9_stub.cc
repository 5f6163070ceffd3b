#include "proxy/auth/schemes/kaseya_vsa9_stub.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <chrono>

namespace vsaproxy::auth {
namespace {

using std::chrono::seconds;

// As long as a real one and as worthless as it looks.
constexpr std::string_view placeholder = "10000000000000000000000000";

class Json {
 public:
  Json() { writer_.StartObject(); }
  void open(std::string_view key) {
    name(key);
    writer_.StartObject();
  }
  void close() { writer_.EndObject(); }
  void text(std::string_view key, std::string_view value) {
    name(key);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  void number(std::string_view key, std::int64_t value) {
    name(key);
    writer_.Int64(value);
  }
  void null(std::string_view key) {
    name(key);
    writer_.Null();
  }
  std::string finish() {
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void name(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

LocalAnswer json_answer(int status, std::string body) {
  return {status, "application/json; charset=utf-8", std::move(body)};
}

LocalAnswer envelope(int status, int code, std::string_view error) {
  Json json;
  json.number("ResponseCode", code);
  json.text("Status", "OK");
  json.text("Error", error);
  return json_answer(status, json.finish());
}

void write_session(const StubRequest& request, Json& json) {
  json.open("Result");
  json.text("TenantId", "1");
  json.text("Token", placeholder);
  json.text("ApiToken", placeholder);
  json.text("UserName", "vsaproxy");
  json.number("RoleId", 2);
  json.text("ScopeId", "2");
  json.number("AdminId", 1);
  json.null("MachineId");
  json.null("MachineGroupName");
  json.null("Attributes");
  const auto expires = std::chrono::floor<seconds>(request.expires);
  json.text("SessionExpiration", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", expires));
  json.number("OffSetInMinutes", 0);
  json.close();
}

// POST /token and /authorize, as RFC 6749, 5.1 and 5.2.
LocalAnswer oauth_answer(const StubRequest& request) {
  Json json;
  if (!request.failure.empty()) {
    json.text("error", "invalid_request");
    json.text("error_description", request.failure);
    return json_answer(400, json.finish());
  }
  const auto left = std::chrono::floor<seconds>(request.expires - request.now).count();
  json.text("access_token", placeholder);
  json.text("token_type", "Bearer");
  json.number("expires_in", std::max<std::int64_t>(left, 1));
  json.text("refresh_token", placeholder);
  return json_answer(200, json.finish());
}

}  // namespace

LocalAnswer vsa9_stub(const StubRequest& request) {
  if (request.call == LoginCall::logout) return envelope(200, 0, "None");
  if (request.path == "/token" || request.path == "/authorize") return oauth_answer(request);
  if (!request.failure.empty()) return envelope(503, 503, request.failure);
  Json json;
  write_session(request, json);
  json.number("ResponseCode", 0);
  json.text("Status", "OK");
  json.text("Error", "None");
  return json_answer(200, json.finish());
}

}  // namespace vsaproxy::auth
