#include "proxy/relay/request_plan.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/raw_path.h"

namespace vsaproxy::relay {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

// "http://vsa.example.com/" means the upstream at that name whatever its scheme: the proxy speaks
// TLS for the tool. A port, if written, must be the upstream's, or the default where it has one.
bool is_address_of(const settings::Upstream& upstream, const http::AuthorityParts& authority) {
  if (!base::equals_ignoring_case(authority.host, upstream.origin.host)) return false;
  if (!authority.port || *authority.port == upstream.origin.port) return true;
  const bool is_default = upstream.origin.port == http_port || upstream.origin.port == https_port;
  return is_default && *authority.port == http_port;
}

// The part of a path behind a prefix of whole segments, in whatever spelling those were sent.
std::string_view without_segments(std::string_view path, std::string_view prefix) {
  for (auto n = std::count(prefix.begin(), prefix.end(), '/'); n > 0; --n) {
    const auto slash = path.find('/', 1);
    if (slash == std::string_view::npos) return "/";
    path.remove_prefix(slash);
  }
  return path;
}

Result<void> find_forward_route(const RequestRules& rules, std::size_t listener,
                                const http::Target& target, RequestPlan& plan) {
  const auto authority = http::split_authority(target.authority);
  if (!authority) return fail(authority.error());
  const auto& settings = *rules.settings;
  bool is_known = false;
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    if (!is_address_of(settings.upstreams[i], *authority)) continue;
    is_known = true;
    const ForwardRoutes& forward = rules.forward[i];
    const auto found =
        forward.table.find(settings.listeners[listener].name, authority->host, plan.path.decoded);
    if (!found) continue;
    plan.route = forward.routes[*found];
    plan.upstream = i;
    return {};
  }
  if (!is_known)
    return fail(ErrorKind::host_not_allowed, "the address is no configured upstream's");
  return fail(ErrorKind::no_route, "no route matches this path");
}

Result<void> find_reverse_route(const RequestRules& rules, std::size_t listener,
                                std::string_view host, RequestPlan& plan) {
  const auto& settings = *rules.settings;
  const auto found = rules.routes->find(settings.listeners[listener].name, host, plan.path.decoded);
  if (!found) return fail(ErrorKind::no_route, "no route matches this path");
  plan.route = *found;
  plan.upstream = settings.routes[*found].upstream;
  return {};
}

// The Host of a request in origin form, without its port; empty where HTTP/1.0 has none.
Result<std::string_view> allowed_host(const RequestRules& rules, std::size_t listener,
                                      const http::RequestHead& head, RequestPlan& plan) {
  const http::Field* field = head.fields.find("Host");
  if (field == nullptr) return std::string_view();
  const auto authority = http::split_authority(field->value);
  if (!authority) return fail(ErrorKind::bad_request, "the Host field is not a host");
  if (auto allowed = routing::check_host(rules.access[listener], authority->host); !allowed) {
    return fail(allowed.error());
  }
  plan.client_authority = field->value;
  return authority->host;
}

// Every request comes by here, and nearly none is such a call: length and last byte tell them
// apart.
bool may_be_call(const auth::LoginPath& call, std::string_view path, char last) {
  return call.has_names || (call.path.size() == path.size() && call.path.back() == last);
}

const auth::LoginPath* login_call_at(const settings::Credential& credential,
                                     std::string_view method, std::string_view path) {
  const std::string_view base = credential.api_base;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return nullptr;
  const std::string_view rest = path.substr(std::min(base.size(), path.size()));
  const char last = base::to_lower(path.back());
  for (const auth::LoginPath& call : credential.scheme->login_paths) {
    const std::string_view there = call.is_at_root ? path : rest;
    if (!may_be_call(call, there, last) || !auth::is_call(call, method, there)) continue;
    if (call.is_at_root || base::starts_with_ignoring_case(path, base)) return &call;
  }
  return nullptr;
}

// The API's own login and logout calls: with our session they would end it for everybody, or hand
// out a live token. A server may take an escaped slash for a slash.
const auth::LoginPath* find_login_call(const settings::Credential& credential,
                                       std::string_view method, std::string_view path,
                                       bool raw_paths) {
  const auth::LoginPath* call = login_call_at(credential, method, path);
  if (call != nullptr || !raw_paths || !http::has_escaped_slash(path)) return call;
  return login_call_at(credential, method, http::with_slashes(path));
}

// What routes see differently, once the route is known: most paths have none of it.
Result<void> check_path(const RequestRules& rules, std::string_view path, http::PathOptions options,
                        const RequestPlan& plan) {
  if (!options.has_rules && !rules.has_raw_paths) return {};
  if (plan.path.decoded.find_first_of(";%") == std::string_view::npos) return {};
  if (const auto again = http::normalize_path(path, options); !again) return fail(again.error());
  return {};
}

Result<void> check_rules(const RequestRules& rules, const http::RequestHead& head,
                         std::string_view sent_path, std::string_view upstream_path,
                         RequestPlan& plan) {
  const settings::Route& route = rules.settings->routes[plan.route];
  auto allowed = check_path(rules, sent_path, {true, route.raw_paths}, plan);
  if (allowed) {
    plan.verdict = routing::judge(route.rules, head.method, head.fields, upstream_path,
                                  rules.settings->upstreams[plan.upstream].path_case);
    allowed = routing::outcome_of(plan.verdict, route.rules);
  }
  if (allowed) return {};
  base::Error refusal = std::move(allowed.error());
  refusal.detail = fmt::format("route {}: {}", route.name, refusal.detail);
  if (rules.settings->mode == settings::RuleMode::enforce) return fail(std::move(refusal));
  plan.observed = std::move(refusal.detail);
  return {};
}

Result<void> check_route(const RequestRules& rules, const http::RequestHead& head,
                         std::string_view sent_path, RequestPlan& plan) {
  const auto& settings = *rules.settings;
  const settings::Route& route = settings.routes[plan.route];
  if (auto fine = check_path(rules, sent_path, {false, route.raw_paths}, plan); !fine) return fine;
  const std::string_view path = plan.is_forward
                                    ? std::string_view(plan.path.decoded)
                                    : without_segments(plan.path.decoded, route.strip_prefix);
  const auto* credential = rules.credential_of(settings.upstreams[plan.upstream]);
  if (credential != nullptr) {
    const auth::LoginPath* call = find_login_call(*credential, head.method, path, route.raw_paths);
    if (call != nullptr) {
      auto planned = plan_login_call(route, *credential->scheme, *call, plan);
      if (!planned) return planned;
    }
  }
  // A login call that is answered here reaches nobody.
  if (!route.rules.empty() && plan.login == nullptr) {
    auto allowed = check_rules(rules, head, sent_path, path, plan);
    if (!allowed) return allowed;
  }
  const auto& limit = settings.limits.request_body;
  if (limit && head.body.kind == http::Framing::length && head.body.length > *limit) {
    return fail(ErrorKind::body_too_large, "the body is over limits.request_body");
  }
  return {};
}

Result<void> check_browser(const RequestRules& rules, std::size_t listener,
                           const http::RequestHead& head, const http::Target& target) {
  routing::Destination destination{rules.settings->listeners[listener].tls ? "https" : "http", {}};
  if (target.form == http::Form::absolute) {
    destination = {target.scheme, target.authority};
  } else if (const http::Field* host = head.fields.find("Host")) {
    destination.authority = host->value;
  }
  return routing::check_browser(rules.access[listener], head.fields, destination);
}

// With cors: pass the upstream itself answers for its pages.
void plan_page(const RequestRules& rules, std::size_t listener, const http::RequestHead& head,
               RequestPlan& plan) {
  if (rules.settings->routes[plan.route].pass_cors) return;
  plan.page_origin = routing::listed_origin(rules.access[listener], head.fields);
  plan.is_preflight = !plan.page_origin.empty() && routing::is_preflight(head.method, head.fields);
}

}  // namespace

bool is_for_a_proxy(std::string_view target) { return !target.starts_with('/') && target != "*"; }

Result<void> plan_login_call(const settings::Route& route, const auth::SchemeSpec& scheme,
                             const auth::LoginPath& call, RequestPlan& plan) {
  if (route.login_paths == settings::LoginPaths::pass) {
    plan.passes_login = true;
  } else if (route.login_paths == settings::LoginPaths::stub && scheme.stub != nullptr) {
    plan.login = &call;
  } else {
    return fail(ErrorKind::route_denied,
                "the proxy logs in by itself: the API's login and logout calls are not forwarded");
  }
  return {};
}

Result<void> plan_request(const RequestRules& rules, std::size_t listener,
                          const http::RequestHead& head, RequestPlan& plan) {
  const settings::Listener& where = rules.settings->listeners[listener];
  plan.passed = RequestPlan::Passed::nothing;
  plan.client_authority.clear();
  plan.verdict = {};
  plan.login = nullptr;
  plan.observed.clear();
  plan.passes_login = false;
  plan.is_preflight = false;
  plan.page_origin.clear();
  if (auto allowed = routing::check_method(head.method); !allowed) return allowed;
  const auto target = http::parse_target(head.method, head.target);
  if (!target) return fail(target.error());
  plan.is_forward = target->form == http::Form::absolute;
  if (target->form == http::Form::authority) {
    return fail(ErrorKind::route_denied, "CONNECT is not allowed here");
  }
  std::string_view host;
  if (plan.is_forward) {
    plan.client_authority = target->authority;
  } else {
    const auto allowed = allowed_host(rules, listener, head, plan);
    if (!allowed) return fail(allowed.error());
    host = *allowed;
  }
  plan.passed = RequestPlan::Passed::host;
  if (auto allowed = check_browser(rules, listener, head, *target); !allowed) return allowed;
  plan.passed = RequestPlan::Passed::browser;
  if (target->form == http::Form::asterisk || target->path == "*") {
    return fail(ErrorKind::no_route, "a request for the server as a whole has no route");
  }
  if (auto read = http::normalize_path(target->path, {false, rules.has_raw_paths}, plan.path);
      !read) {
    return read;
  }
  plan.passed = RequestPlan::Passed::path;
  if (plan.is_forward ? !where.forward : !where.reverse) {
    return fail(ErrorKind::no_route, plan.is_forward ? "this listener is no forward proxy"
                                                     : "this listener is a forward proxy only");
  }
  auto found = plan.is_forward ? find_forward_route(rules, listener, *target, plan)
                               : find_reverse_route(rules, listener, host, plan);
  if (!found) return found;
  plan.passed = RequestPlan::Passed::route;
  plan.target = plan.is_forward ? std::string_view(plan.path.sent)
                                : without_segments(plan.path.sent,
                                                   rules.settings->routes[plan.route].strip_prefix);
  plan.target.append(target->query);
  plan_page(rules, listener, head, plan);
  if (plan.is_preflight) return {};
  if (auto allowed = check_route(rules, head, target->path, plan); !allowed) return allowed;
  plan.passed = RequestPlan::Passed::everything;
  return {};
}

bool covers(const settings::Replay& replay, std::string_view method) {
  return replay.all_methods ||
         std::find(replay.methods.begin(), replay.methods.end(), method) != replay.methods.end();
}

void prepare_upstream_head(const RequestRules& rules, const RequestPlan& plan,
                           http::Treatment authorization, http::RequestHead& head) {
  const settings::Route& route = rules.settings->routes[plan.route];
  http::prepare_request_fields(
      head, {.host = rules.host_fields[plan.upstream],
             .authorization = authorization,
             .cookies = route.pass_cookies ? http::Treatment::pass : http::Treatment::strip});
  const auto* credential =
      plan.passes_login ? nullptr : rules.credential_of(rules.settings->upstreams[plan.upstream]);
  if (credential != nullptr && credential->scheme->session_lost != nullptr) {
    http::cut_accept_encoding(head.fields);
  }
  head.target = plan.target;
}

}  // namespace vsaproxy::relay
