#include "tests/simulator/api.h"

#include <ctime>

#include "tests/simulator/pages.h"

namespace vsaproxy::simulator {
namespace {

// What the next data call meets (the option `data`, counted down by `data_times`).
std::string next_data_behaviour(Options& options) {
  std::string behaviour = options.data;
  if (behaviour != "ok" && options.data_times > 0 && --options.data_times == 0) {
    options.data = "ok";
  }
  return behaviour;
}

}  // namespace

SystemReply Api::answer(const Request& request, const Target& target, Time now) {
  const Visit visit{request, target, rest_of(target.path).value_or(""), now};
  const Part part = part_of(request.head, visit.rest);
  if (part == Part::login) return {answer_login(visit), "login"};
  const bool is_open = part == Part::open || !options_.requires_token;
  if (!is_open && !admits(request.head, now)) {
    return {error(401, "authorization is required"), "refused"};
  }
  return {answer_data(visit), is_open ? "open" : "live"};
}

Answer Api::answer_login(const Visit& visit) {
  const std::string behaviour = next_login_behaviour(changing_options_);
  if (behaviour == "ok") return log_in(visit);
  if (auto broken = broken_login(behaviour, counters_)) return std::move(*broken);
  if (behaviour == "empty-token") {
    ++counters_.logins.empty_token;
    return tokenless();
  }
  if (behaviour == "cut-json") {
    ++counters_.logins.malformed;
    return json_answer(200, R"({"access_token":"7)");
  }
  ++counters_.logins.failed;
  Answer answer = error(static_cast<int>(options_.login_status), "out of order");
  if (!options_.retry_after.empty()) {
    answer.fields.push_back({"Retry-After", options_.retry_after});
  }
  return answer;
}

Answer Api::answer_data(const Visit& visit) {
  const std::string behaviour = next_data_behaviour(changing_options_);
  if (behaviour == "throttled") return throttled();
  if (behaviour == "failing") return error(failure_status(), "out of order");
  if (auto shown = show(visit)) return std::move(*shown);
  const Page* page = find_page(visit.rest);
  if (page == nullptr) return error(404, "Not Found");
  if (!allows_method(*page, visit.request.head.method)) return error(405, "Method Not Allowed");
  return page->answer({visit.request, visit.target, options_});
}

Answer Api::throttled() const {
  Answer answer = error(429, "too many requests");
  if (!options_.retry_after.empty()) {
    answer.fields.push_back({"Retry-After", options_.retry_after});
  }
  return answer;
}

Account::Login Api::admit(LoginResult checked, Time now) {
  Account::Login login = account_.admit(checked, now);
  auto& logins = counters_.logins;
  ++(login.result == LoginResult::ok       ? logins.ok
     : login.result == LoginResult::locked ? logins.locked
                                           : logins.rejected);
  return login;
}

std::int64_t Api::stated_lifetime() const {
  return static_cast<std::int64_t>(options_.stated_lifetime < 0 ? options_.session_lifetime
                                                                : options_.stated_lifetime);
}

std::int64_t Api::clock() const {
  return std::time(nullptr) + static_cast<std::int64_t>(options_.clock_skew);
}

std::vector<std::string> Api::issued_tokens() const {
  const auto& issued = account_.issued_tokens();
  return {issued.begin(), issued.end()};
}

void Api::reset() {
  account_.end_sessions();
  account_.unlock();
  forget_grants();
}

std::optional<std::string_view> rest_after(std::string_view base, std::string_view path) {
  if (!path.starts_with(base)) return std::nullopt;
  const std::string_view rest = path.substr(base.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return rest;
}

}  // namespace vsaproxy::simulator
