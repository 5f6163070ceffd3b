#include "proxy/relay/problem_answer.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <utility>

namespace vsaproxy::relay {
namespace {

using base::ErrorKind;

struct Description {
  int status;
  std::string_view phrase;
  std::string_view title;
  std::string_view proxy_status;  // RFC 9209, 2.3
};

Description describe(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_request:
    case ErrorKind::bad_path:
    case ErrorKind::ambiguous_framing:
      return {400, "Bad Request", "The request is not acceptable as written", "http_request_error"};
    case ErrorKind::host_not_allowed:
    case ErrorKind::browser_refused:
    case ErrorKind::client_denied:
    case ErrorKind::route_denied:
    case ErrorKind::no_route:
    case ErrorKind::client_key_required:
      return {403, "Forbidden", "The proxy's rules refuse this request", "http_request_denied"};
    case ErrorKind::method_refused:
      return {405, "Method Not Allowed", "The method is never forwarded", "http_request_denied"};
    case ErrorKind::request_timeout:
      return {408, "Request Timeout", "The request did not arrive in time", "http_request_error"};
    case ErrorKind::body_too_large:
      return {413, "Content Too Large", "The body is over the limit", "http_request_denied"};
    case ErrorKind::rate_limited:
      return {429, "Too Many Requests", "Too many requests", "http_request_denied"};
    case ErrorKind::headers_too_large:
      return {431, "Request Header Fields Too Large", "The head is over the limit",
              "http_request_error"};
    case ErrorKind::upstream_connect:
      return {502, "Bad Gateway", "The upstream can't be reached", "destination_unavailable"};
    case ErrorKind::upstream_tls:
      return {502, "Bad Gateway", "The upstream can't be trusted", "tls_protocol_error"};
    case ErrorKind::upstream_protocol:
      return {502, "Bad Gateway", "The upstream's answer is not acceptable", "http_protocol_error"};
    case ErrorKind::upstream_closed:
      return {502, "Bad Gateway", "The upstream closed the connection", "connection_terminated"};
    case ErrorKind::login_rejected:
      return {503, "Service Unavailable", "The login was rejected", "proxy_configuration_error"};
    case ErrorKind::login_unavailable:
      return {503, "Service Unavailable", "No login is possible now", "proxy_internal_error"};
    case ErrorKind::login_budget_spent:
      return {503, "Service Unavailable", "No further login is allowed now",
              "proxy_configuration_error"};
    case ErrorKind::draining:
    case ErrorKind::overloaded:
      return {503, "Service Unavailable", "The proxy can't take this request now",
              "connection_limit_reached"};
    case ErrorKind::upstream_timeout:
      return {504, "Gateway Timeout", "The upstream did not answer in time",
              "http_response_timeout"};
    default:
      return {503, "Service Unavailable", "The proxy failed", "proxy_internal_error"};
  }
}

// RFC 9457, 3.1.
std::string problem_json(const base::Error& error, const Description& what,
                         std::string_view request_id) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  const auto member = [&json](std::string_view key, std::string_view value) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  const std::string_view reason = base::reason_text(error.kind);
  json.StartObject();
  member("type", fmt::format("urn:vsaproxy:problem:{}", reason));
  member("title", what.title);
  json.Key("status");
  json.Int(what.status);
  member("detail", error.detail);
  member("reason", reason);
  member("request_id", request_id);
  json.EndObject();
  return std::string(text.GetString(), text.GetSize()) + "\n";
}

// A structured-field string: quotes and backslashes escaped, the rest printable (RFC 8941, 3.3.3).
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c <= '~' ? c : '?';
  }
  return out + "\"";
}

void add_error_fields(const base::Error& error, const Description& what, http::ResponseHead& head) {
  head.fields.add("X-Proxy-Error", base::reason_text(error.kind));
  head.fields.add("Proxy-Status", fmt::format("vsaproxy; error={}; details={}", what.proxy_status,
                                              quoted(error.detail)));
  head.fields.add("Cache-Control", "no-store");
  if (head.status == 503 || head.status == 429) {
    const auto wait = error.retry_after.value_or(std::chrono::seconds(1));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    head.fields.add("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  }
}

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

ProxyAnswer make_login_answer(auth::LocalAnswer own, const base::Error* failure) {
  ProxyAnswer answer;
  answer.body = std::move(own.body);
  http::ResponseHead& head = answer.head;
  head.status = own.status;
  head.reason = phrase_of(own.status);
  if (own.status != 204) head.body = {http::Framing::length, answer.body.size()};
  if (!own.content_type.empty()) head.fields.add("Content-Type", own.content_type);
  if (failure != nullptr) {
    add_error_fields(*failure, describe(failure->kind), head);
  } else {
    head.fields.add("Cache-Control", "no-store");
  }
  return answer;
}

int problem_status(ErrorKind kind) { return describe(kind).status; }

void add_page_fields(std::string_view origin, http::Fields& fields) {
  fields.add("Access-Control-Allow-Origin", origin);
  fields.add("Access-Control-Expose-Headers", "*");
  fields.add("Vary", "Origin");
}

ProxyAnswer make_preflight_answer(const http::Fields& asked) {
  ProxyAnswer answer;
  http::ResponseHead& head = answer.head;
  head.status = 204;
  head.reason = "No Content";
  const auto allow = [&](std::string_view about, std::string_view field) {
    if (const http::Field* found = asked.find(about)) head.fields.add(field, found->value);
  };
  allow("Access-Control-Request-Method", "Access-Control-Allow-Methods");
  allow("Access-Control-Request-Headers", "Access-Control-Allow-Headers");
  allow("Access-Control-Request-Private-Network", "Access-Control-Allow-Private-Network");
  head.fields.add("Access-Control-Max-Age", "600");
  head.fields.add("Cache-Control", "no-store");
  return answer;
}

ProxyAnswer make_problem_answer(const base::Error& error, std::string_view request_id,
                                Addressed addressed) {
  const bool asks_for_key =
      error.kind == ErrorKind::client_key_required && addressed == Addressed::as_proxy;
  const Description what =
      asks_for_key ? Description{407, "Proxy Authentication Required",
                                 "The proxy's rules refuse this request", "http_request_denied"}
                   : describe(error.kind);
  ProxyAnswer answer;
  answer.body = problem_json(error, what, request_id);
  http::ResponseHead& head = answer.head;
  head.status = what.status;
  head.reason = what.phrase;
  head.body = {http::Framing::length, answer.body.size()};
  head.fields.add("Content-Type", "application/problem+json");
  add_error_fields(error, what, head);
  if (asks_for_key) head.fields.add("Proxy-Authenticate", "Basic realm=\"vsaproxy\"");
  if (what.status == 405) head.fields.add("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  return answer;
}

}  // namespace vsaproxy::relay
