#include "tests/simulator/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace vsaproxy::simulator {
namespace {

using std::chrono::milliseconds;

milliseconds to_milliseconds(double count) {
  return milliseconds(static_cast<std::int64_t>(count));
}

Time steady_now() { return std::chrono::steady_clock::now(); }

Answer not_found() { return json_answer(404, envelope({}, 404, "Error", "Not Found")); }

Answer method_not_allowed(std::string_view methods) {
  Answer answer = json_answer(405, envelope({}, 405, "Error", "Method Not Allowed"));
  answer.fields.push_back({"Allow", std::string(methods)});
  return answer;
}

}  // namespace

void Simulator::connection_opened() {
  ++counters_.connections.accepted;
  ++counters_.connections.open;
  counters_.connections.max_open =
      std::max(counters_.connections.max_open, counters_.connections.open);
}

void Simulator::connection_closed() { --counters_.connections.open; }

Simulator::Place Simulator::locate(const Request& request) const {
  Place place{.target = parse_target(request.head.target)};
  const std::string& path = place.target.path;
  if (path == "/_sim" || path.starts_with("/_sim/")) {
    place.part = request.from_loopback ? Part::control : Part::unknown;
    return place;
  }
  for (const auto& system : systems_) {
    if (!system->owns(place.target)) continue;
    place.part = Part::system;
    place.system = system.get();
    return place;
  }
  const std::string base = lower_case(options_.base);
  if (!path.starts_with(base)) return place;
  const std::string_view rest = std::string_view(path).substr(base.size());
  place.page = find_page(rest);
  if (place.page != nullptr) place.part = Part::page;
  if (rest == "/auth") place.part = Part::login;
  if (rest == "/echo") place.part = Part::echo;
  if (rest == "/system/users/session") place.part = Part::logout;
  return place;
}

std::optional<Answer> Simulator::on_head(Request& request) {
  const Place place = locate(request);
  request.is_control = place.part == Part::control;
  if (request.is_control) return std::nullopt;
  if (!request.on_used_connection) ++counters_.connections.used;
  ++counters_.concurrent.now;
  counters_.concurrent.max = std::max(counters_.concurrent.max, counters_.concurrent.now);
  if (place.part == Part::login) return std::nullopt;
  if (place.system != nullptr) request.body_limit = place.system->body_limit();
  const bool is_open =
      place.system != nullptr || place.part == Part::echo || !options_.requires_token;
  request.is_refused =
      !is_open && !account_.is_live(request.head.field("Authorization"), steady_now());
  const std::string* id = request.head.field("X-Request-id");
  request.log_number = log_.add({.method = request.head.method,
                                 .target = request.head.target,
                                 .session = is_open              ? "open"
                                            : request.is_refused ? "refused"
                                                                 : "live",
                                 .connection_id = request.connection_id,
                                 .request_number = request.number,
                                 .request_id = id == nullptr ? "" : *id});
  const bool is_early = options_.refuse_early || request.head.expects_continue;
  if (!request.is_refused || !is_early || !request.head.has_body()) return std::nullopt;
  return answer_data(request, place);
}

Answer Simulator::on_request(Request& request) {
  const Place place = locate(request);
  if (place.part == Part::control) return answer_control(request, place.target);
  if (request.number > 1 && options_.drop_reused > 0) {
    --options_.drop_reused;
    Answer answer;
    answer.ending = Answer::Ending::drop_fin;
    return answer;
  }
  if (place.part == Part::login) return answer_login(request);
  if (place.part == Part::system) return answer_system(request, place);
  return answer_data(request, place);
}

Answer Simulator::answer_system(const Request& request, const Place& place) {
  SystemReply reply = place.system->answer(request, place.target, steady_now());
  if (reply.session == "refused") {
    ++counters_.data.refused;
  } else if (reply.session == "live" || reply.session == "open") {
    ++counters_.data.ok;
  }
  if (reply.session == "login") {
    const std::string* type = request.head.field("Content-Type");
    login_log_.add({.method = request.head.method,
                    .target = request.head.target,
                    .content_type = type == nullptr ? "" : *type,
                    .body = request.body,
                    .status = reply.answer.status});
  }
  const double delay = reply.session == "login" ? options_.login_delay_ms : options_.data_delay_ms;
  reply.answer.delay += to_milliseconds(delay + options_.latency_ms);
  if (LogEntry* entry = log_.find(request.log_number)) {
    entry->session = reply.session;
    entry->status = reply.answer.status;
    entry->body_bytes = request.body_bytes;
  }
  return std::move(reply.answer);
}

Answer Simulator::answer_data(const Request& request, const Place& place) {
  Answer answer;
  if (request.is_refused) {
    ++counters_.data.refused;
    answer = expired_answer(options_);
  } else {
    ++counters_.data.ok;
    if (place.part == Part::echo) {
      answer = json_answer(200, envelope({}));
    } else if (place.part == Part::logout) {
      answer = request.head.method == "DELETE" ? json_answer(200, envelope({}))
                                               : method_not_allowed("DELETE");
      if (answer.status == 200) account_.log_out(request.head.field("Authorization"));
    } else if (place.part == Part::page) {
      answer = allows_method(*place.page, request.head.method)
                   ? place.page->answer({request, place.target, options_})
                   : method_not_allowed(place.page->methods);
    } else {
      answer = not_found();
    }
  }
  answer.delay += to_milliseconds(options_.data_delay_ms + options_.latency_ms);
  if (LogEntry* entry = log_.find(request.log_number)) {
    entry->status = answer.status;
    entry->body_bytes = request.body_bytes;
  }
  return answer;
}

void Simulator::on_end(const Request& request, bool was_answered) {
  if (request.is_control) return;
  --counters_.concurrent.now;
  if (request.log_number == 0) return;
  if (!was_answered) ++counters_.data.abandoned;
  if (LogEntry* entry = log_.find(request.log_number)) {
    entry->body_bytes = request.body_bytes;
    entry->is_complete = was_answered;
  }
}

void Simulator::on_bad_request(std::string_view reason) {
  ++counters_.bad_requests;
  counters_.last_bad_request = reason;
}

void Simulator::on_tls(bool was_resumed) {
  ++counters_.connections.tls;
  if (was_resumed) ++counters_.connections.tls_resumed;
}

milliseconds Simulator::idle_timeout() const { return to_milliseconds(options_.idle_timeout_ms); }

std::int64_t Simulator::clock() const {
  return std::time(nullptr) + static_cast<std::int64_t>(options_.clock_skew);
}

Answer Simulator::answer_login(const Request& request) {
  if (request.head.method != "GET" && request.head.method != "HEAD") {
    return method_not_allowed("GET,HEAD");
  }
  const std::string behaviour = next_login_behaviour(options_);
  Answer answer = behaviour == "ok" ? answer_credentials(request.head.field("Authorization"))
                                    : misbehaving_login(behaviour);
  answer.delay += to_milliseconds(options_.login_delay_ms + options_.latency_ms);
  return answer;
}

Answer Simulator::answer_credentials(const std::string* authorization) {
  const auto login = account_.log_in(authorization, steady_now());
  switch (login.result) {
    case LoginResult::ok:
      ++counters_.logins.ok;
      return successful_login(login.token);
    case LoginResult::rejected:
      ++counters_.logins.rejected;
      return rejected_login();
    case LoginResult::locked:
      ++counters_.logins.locked;
      return rejected_login();
    case LoginResult::no_user:
      ++counters_.logins.rejected;
      return json_answer(200, envelope({}, 401, "OK", "Auth header is missing user parameter"));
    case LoginResult::no_authorization:
      ++counters_.logins.without_authorization;
      return json_answer(200, envelope({}, 401, "OK", "Missing Authorization Header"));
  }
  return rejected_login();
}

Answer Simulator::misbehaving_login(const std::string& behaviour) {
  if (behaviour == "failing") {
    ++counters_.logins.failed;
    const auto status = static_cast<int>(options_.login_status);
    Answer answer = json_answer(status, envelope({}, status, "Error", "out of order"));
    if (!options_.retry_after.empty()) {
      answer.fields.push_back({"Retry-After", options_.retry_after});
    }
    return answer;
  }
  if (behaviour == "empty-token") {
    ++counters_.logins.empty_token;
    return successful_login({});
  }
  if (auto broken = broken_login(behaviour, counters_)) return std::move(*broken);
  ++counters_.logins.malformed;
  return json_answer(200, R"({"Result":{"TenantId":"1","Token":"7)");
}

Answer Simulator::successful_login(const std::string& token) const {
  const bool in_token = options_.token_field != "api-token";
  const bool in_api_token = options_.token_field != "token";
  std::string fields = fmt::format(
      R"("TenantId":"1","Token":"{}","UserName":{},"RoleId":2,"ScopeId":"2","AdminId":64975473,)"
      R"("MachineId":null,"MachineGroupName":null,"Attributes":null)",
      in_token ? token : "", quoted(options_.username));
  if (options_.states_expiry) {
    const double lifetime =
        options_.stated_lifetime < 0 ? options_.session_lifetime : options_.stated_lifetime;
    const std::string expiry = utc_text(clock() + static_cast<std::int64_t>(lifetime));
    fields += fmt::format(R"(,"SessionExpiration":{},"OffSetInMinutes":0)",
                          quoted(options_.expiry_text.empty() ? expiry : options_.expiry_text));
  }
  if (in_api_token) fields += fmt::format(R"(,"ApiToken":"{}")", token);
  return json_answer(200, envelope("{" + fields + "}"));
}

Answer Simulator::rejected_login() const {
  if (options_.rejected_as == "code-4000002") return json_answer(200, envelope({}, 4000002));
  return json_answer(401, envelope({}, 401, "Error", "Unauthorized"));
}

Answer Simulator::answer_control(const Request& request, const Target& target) {
  const std::string& method = request.head.method;
  const std::string action = target.path.substr(std::min<std::size_t>(6, target.path.size()));
  if (method == "GET") {
    if (action == "config") return json_answer(200, to_json(options_));
    if (action == "stats") return json_answer(200, stats_json());
    if (action == "requests") return json_answer(200, log_.to_json());
    if (action == "logins") return json_answer(200, login_log_.to_json());
    if (action == "tokens") return json_answer(200, tokens_json());
    return not_found();
  }
  if (method != "POST") return method_not_allowed("GET,POST");
  if (action == "config") return change_options(request.body);
  if (action == "revoke") {
    account_.end_sessions();
    for (const auto& system : systems_) {
      system->revoke();
      if (target.has("all")) system->forget_grants();
    }
  } else if (action == "unlock") {
    account_.unlock();
    for (const auto& system : systems_) system->unlock();
  } else if (action == "reset") {
    reset();
  } else {
    return not_found();
  }
  return json_answer(200, stats_json());
}

Answer Simulator::change_options(std::string_view json) {
  auto changed = with_changes(options_, json);
  if (!changed) return json_answer(400, fmt::format(R"({{"error":{}}})", quoted(changed.error())));
  options_ = std::move(*changed);
  return json_answer(200, to_json(options_));
}

// Requests in the air and open connections stay counted, so that their ends don't count below zero.
void Simulator::reset() {
  options_ = initial_;
  account_.end_sessions();
  account_.unlock();
  for (const auto& system : systems_) system->reset();
  log_.clear();
  login_log_.clear();
  const auto open = counters_.connections.open;
  const auto now = counters_.concurrent.now;
  counters_ = {};
  counters_.connections.open = counters_.connections.max_open = open;
  counters_.concurrent.now = counters_.concurrent.max = now;
}

std::string Simulator::tokens_json() const {
  std::string list;
  const auto add = [&list](const auto& tokens) {
    for (const std::string& token : tokens) {
      list += fmt::format("{}{}", list.empty() ? "" : ",", quoted(token));
    }
  };
  add(account_.issued_tokens());
  for (const auto& system : systems_) add(system->issued_tokens());
  return fmt::format(R"({{"tokens":[{}]}})", list);
}

std::string Simulator::stats_json() const {
  const auto& [logins, data, connections, concurrent, bad_requests, last_bad] = counters_;
  const Time now = steady_now();
  std::string of_systems;
  for (const auto& system : systems_) {
    const std::string member = system->stats(now);
    if (!member.empty()) of_systems += "," + member;
  }
  return fmt::format(
      R"({{"logins":{{"ok":{},"rejected":{},"locked":{},"failed":{},"broken":{},"malformed":{},)"
      R"("empty_token":{},"without_authorization":{}}},)"
      R"("data":{{"ok":{},"refused":{},"abandoned":{}}},)"
      R"("connections":{{"accepted":{},"open":{},"max_open":{},"used":{},"tls":{},)"
      R"("tls_resumed":{}}},"concurrent":{{"now":{},"max":{}}},)"
      R"("account":{{"live_sessions":{},"consecutive_rejected":{},"locked":{}}},)"
      R"("bad_requests":{},"last_bad_request":{}{}}})",
      logins.ok, logins.rejected, logins.locked, logins.failed, logins.broken, logins.malformed,
      logins.empty_token, logins.without_authorization, data.ok, data.refused, data.abandoned,
      connections.accepted, connections.open, connections.max_open, connections.used,
      connections.tls, connections.tls_resumed, concurrent.now, concurrent.max,
      account_.live_sessions(now), account_.consecutive_rejected(), account_.is_locked(now),
      bad_requests, quoted(last_bad), of_systems);
}

}  // namespace vsaproxy::simulator
