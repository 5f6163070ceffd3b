#include "proxy/auth/schemes/veeam_vspc_calls.h"

#include <utility>

#include "proxy/auth/digest.h"
#include "proxy/auth/form.h"
#include "proxy/auth/multipart.h"
#include "proxy/auth/schemes/base_path.h"
#include "proxy/auth/utf8.h"

namespace vsaproxy::auth {
namespace {

void put_form(FormBody& form, LoginRequest& request) {
  request.body = form.take();
  request.content_type = "application/x-www-form-urlencoded";
}

void put_multipart(MultipartBody& form, LoginRequest& request) {
  request.content_type = form.content_type();
  request.body = form.take();
}

std::string_view challenge_path(VspcApi api) {
  return api == VspcApi::v2 ? "/authentication/asymmetricalgorithm" : "/tokens/asymmetricalgorithm";
}

void put_bytes(base::Secret bytes, LoginRequest& request) {
  request.body = std::move(bytes);
  request.content_type = "application/octet-stream";
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const CodePoint point = decode_utf8(bytes);
    if (point.length == 0 || point.value < 0x20 || point.value == 0x7F) return false;
    bytes.remove_prefix(point.length);
  }
  return true;
}

}  // namespace

VspcCalls::VspcCalls(VspcApi api, std::string base, std::function<std::uint32_t()> random)
    : api_(api), base_(std::move(base)), random_(std::move(random)) {}

LoginRequest VspcCalls::request(std::string_view method, std::string_view path) const {
  LoginRequest request;
  request.method = method;
  request.target = under_base(base_, path);
  request.fields.push_back({"Accept", base::Secret("application/json")});
  return request;
}

LoginRequest VspcCalls::refresh(const base::Secret& token) const {
  const bool is_form = api_ == VspcApi::v3;
  LoginRequest refresh = request("POST", is_form ? "/token" : "/authentication/refresh");
  if (is_form) {
    FormBody form;
    form.add("grant_type", "refresh_token").add("refresh_token", token.reveal());
    put_form(form, refresh);
  } else {
    MultipartBody form(random_);
    form.add("refreshToken", token.reveal());
    put_multipart(form, refresh);
  }
  refresh.spends_budget = false;
  return refresh;
}

LoginRequest VspcCalls::password(std::string_view username, const base::Secret& password) const {
  const bool is_form = api_ == VspcApi::v3;
  LoginRequest login = request("POST", is_form ? "/token" : "/authentication/usernamepassword");
  if (is_form) {
    FormBody form;
    form.add("grant_type", "password").add("username", username);
    put_form(form.add("password", password.reveal()), login);
  } else {
    MultipartBody form(random_);
    form.add("username", username).add("password", password.reveal());
    put_multipart(form, login);
  }
  return login;
}

LoginRequest VspcCalls::one_time_code(const base::Secret& mfa_token,
                                      const base::Secret& code) const {
  LoginRequest login = request("POST", "/token");
  FormBody form;
  form.add("grant_type", "mfa").add("mfa_token", mfa_token.reveal());
  put_form(form.add("mfa_code", code.reveal()), login);
  return login;
}

LoginRequest VspcCalls::challenge(std::string_view public_xml, VspcGrant grant) const {
  if (api_ != VspcApi::v3) {
    LoginRequest login = request("POST", challenge_path(api_));
    put_bytes(base::Secret(public_xml), login);
    return login;
  }
  LoginRequest login = request("POST", "/token");
  FormBody form;
  form.add("grant_type", grant == VspcGrant::public_key ? "public_key" : "private_key");
  put_form(form.add("public_key", base64(public_xml)), login);
  return login;
}

LoginRequest VspcCalls::solution(const base::Secret& plain) const {
  if (api_ != VspcApi::v3) {
    LoginRequest login = request("PATCH", challenge_path(api_));
    put_bytes(plain, login);
    return login;
  }
  const std::string_view text = plain.reveal();
  const base::Secret code = is_text(text) ? plain : base::Secret::take(base64(text));
  LoginRequest login = request("POST", "/token");
  FormBody form;
  put_form(form.add("grant_type", "authorization_code").add("code", code.reveal()), login);
  return login;
}

}  // namespace vsaproxy::auth
