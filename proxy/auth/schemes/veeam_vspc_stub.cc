#include "proxy/auth/schemes/veeam_vspc_stub.h"

#include <optional>
#include <string>

#include "proxy/auth/digest.h"
#include "proxy/auth/form.h"
#include "proxy/auth/rsa_key.h"
#include "proxy/auth/stub_answer.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view placeholder = "vsaproxy-placeholder-opens-nothing";

// For the owner of the key, as base64; nullopt if it is no key.
std::optional<std::string> challenge_for(std::string_view public_xml) {
  const auto challenge = make_challenge(public_xml, placeholder);
  if (!challenge) return std::nullopt;
  return base64(*challenge);
}

// RFC 6749, 5.2, with the member that VSPC adds.
LocalAnswer oauth_failure(std::string_view reason) {
  JsonWriter json;
  json.text("error", "invalid_request");
  json.text("error_description", reason);
  json.null("error_uri");
  return json.finish(400);
}

LocalAnswer failure(std::string_view reason) {
  JsonWriter json;
  json.open_list("errors");
  json.text("message", reason);
  json.text("type", "unspecified");
  json.number("code", 400);
  json.close_list();
  return json.finish(400);
}

LocalAnswer oauth_challenge(std::string_view code) {
  JsonWriter json;
  json.null("access_token");
  json.null("token_type");
  json.null("refresh_token");
  json.null("mfa_token");
  json.text("encrypted_code", code);
  json.number("expires_in", 0);
  return json.finish(200);
}

LocalAnswer oauth_answer(const StubRequest& request) {
  if (!request.failure.empty()) return oauth_failure(request.failure);
  const std::string grant = form_value(request.body, "grant_type");
  if (grant == "public_key" || grant == "private_key") {
    const auto key = decode_base64(form_value(request.body, "public_key"));
    const auto code = key ? challenge_for(key->reveal()) : std::nullopt;
    return code ? oauth_challenge(*code)
                : oauth_failure("public_key is not the base64 of an RSAKeyValue");
  }
  JsonWriter json;
  json.text("access_token", placeholder);
  json.text("token_type", "bearer");
  json.text("refresh_token", placeholder);
  json.null("mfa_token");
  json.null("encrypted_code");
  json.number("expires_in", seconds_left(request));
  return json.finish(200);
}

LocalAnswer challenge_answer(const StubRequest& request) {
  const auto challenge = challenge_for(request.body);
  if (!challenge) {
    return failure(
        "the proxy has logged in already and answers no challenge: send requests without a login");
  }
  JsonWriter json;
  json.open_object("data");
  json.text("challenge", *challenge);
  json.text("expirationTime", utc_end(request));
  json.close_object();
  return json.finish(200);
}

void write_tokens(const StubRequest& request, JsonWriter& json) {
  json.text("accessToken", placeholder);
  json.text("refreshToken", placeholder);
  json.null("mfaToken");
  json.text("expirationTime", utc_end(request));
}

LocalAnswer data_answer(const StubRequest& request) {
  if (!request.failure.empty()) return failure(request.failure);
  const bool has_key = request.path.ends_with("/asymmetricalgorithm");
  if (has_key && request.method == "POST") return challenge_answer(request);
  JsonWriter json;
  if (!has_key) {
    json.open_list("data");
    write_tokens(request, json);
    json.close_list();
    return json.finish(200);
  }
  json.open_object("data");
  if (request.path.starts_with("/tokens/")) {
    json.text("token", placeholder);
  } else {
    write_tokens(request, json);
  }
  json.close_object();
  return json.finish(200);
}

}  // namespace

LocalAnswer vspc_stub(const StubRequest& request) {
  if (request.call == LoginCall::logout) {
    JsonWriter json;
    json.yes("data");
    return json.finish(200);
  }
  return request.path.ends_with("/token") ? oauth_answer(request) : data_answer(request);
}

}  // namespace vsaproxy::auth
