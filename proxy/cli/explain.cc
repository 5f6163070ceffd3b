#include "proxy/cli/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "proxy/cli/terminal.h"
#include "proxy/http/h1_codec.h"
#include "proxy/http/name_set.h"
#include "proxy/relay/message_edit.h"
#include "proxy/relay/problem_answer.h"
#include "proxy/relay/request_plan.h"
#include "proxy/relay/request_rules.h"
#include "proxy/settings/route_rules.h"

namespace vsaproxy::cli {
namespace {

using base::Error;
using base::Result;
using relay::RequestPlan;
using Passed = RequestPlan::Passed;
using Outcome = Explanation::Outcome;
using auth::MessageEditor;

constexpr int refused = 1;
constexpr int usage_error = 2;

// "64KiB": as the file has it.
std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> units = {"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; bytes % 1024 == 0 && bytes > 0 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return fmt::format("{}{}", bytes, units[unit]);
}

std::string line_of(const base::Place& place) { return fmt::format("line {}", place.line); }

// "allow[0] (line 23) has /api/**".
std::string rule_text(std::string_view list, const std::vector<routing::PathRule>& rules,
                      const routing::RuleVerdict& verdict) {
  return fmt::format("{}[{}] ({}) has {}", list, verdict.rule, line_of(rules[verdict.rule].place),
                     verdict.pattern != nullptr ? verdict.pattern->text() : "this method");
}

std::string verdict_text(const routing::PathRules& rules, const routing::RuleVerdict& verdict) {
  using Cause = routing::RuleVerdict::Cause;
  if (verdict.cause == Cause::denied) return rule_text("deny", rules.deny, verdict);
  if (verdict.cause == Cause::allowed && !rules.allow.empty()) {
    return rule_text("allow", rules.allow, verdict);
  }
  if (verdict.cause == Cause::allowed) return "nothing refuses it";
  const auto outcome = outcome_of(verdict, rules);
  return outcome ? "" : outcome.error().detail;
}

// What only the connection tells, or what no command line may have.
std::string unknown_conditions(const settings::Listener& listener) {
  const settings::Clients& clients = listener.clients;
  std::vector<std::string> conditions;
  if (!clients.allow.empty() || !clients.deny.empty()) conditions.emplace_back("address");
  if (!clients.local_users.empty() || !clients.local_groups.empty()) {
    conditions.emplace_back("user of this machine");
  }
  if (listener.tls && listener.tls->client_ca) conditions.emplace_back("certificate");
  if (clients.api_keys) conditions.push_back("key in " + clients.api_keys->header);
  if (conditions.empty()) return "everybody who can reach the listener";
  return fmt::format("must have the right {}: not looked at here", fmt::join(conditions, ", "));
}

std::string match_text(const settings::Route& route) {
  std::vector<std::string> parts = {"path_prefix " + route.path_prefix};
  if (!route.host.empty()) parts.push_back("host " + route.host);
  if (!route.listener.empty()) parts.push_back("listener " + route.listener);
  return fmt::format("{}", fmt::join(parts, ", "));
}

class Explainer {
 public:
  Explainer(std::shared_ptr<const settings::Settings> settings, const AskedRequest& asked)
      : rules_(relay::make_request_rules(std::move(settings))),
        asked_(asked),
        listener_(rules_.settings->listeners[asked.listener]),
        codec_({rules_.settings->limits.header_bytes, rules_.settings->limits.header_count}) {}

  Explanation explain() {
    const auto [method, target] = request_line();
    answer_.title = fmt::format("{} {} at listener {}", method, target, listener_.name);
    add("form", asked_.form);
    std::string_view input = asked_.bytes;
    if (const auto event = codec_.next(input); !event) {
      refuse(event.error());
    } else {
      received_ = head().clone();
      judge();
    }
    return std::move(answer_);
  }

 private:
  http::RequestHead& head() { return codec_.head(); }
  const settings::Settings& settings() const { return *rules_.settings; }
  const settings::Route& route() const { return settings().routes[plan_.route]; }
  const settings::Upstream& upstream() const { return settings().upstreams[plan_.upstream]; }
  const settings::Credential* credential() const { return rules_.credential_of(upstream()); }
  bool has_session() const { return credential() != nullptr && !plan_.passes_login; }

  std::pair<std::string_view, std::string_view> request_line() const {
    const std::string_view line = std::string_view(asked_.bytes).substr(0, asked_.bytes.find('\r'));
    const auto first = line.find(' ');
    return {line.substr(0, first), line.substr(first + 1, line.rfind(' ') - first - 1)};
  }

  void add(std::string name, std::string text) {
    answer_.lines.push_back({std::move(name), std::move(text)});
  }

  void refuse(const Error& error) {
    answer_.outcome = Outcome::refused;
    answer_.conclusion = fmt::format("Refused: {} {}\n{}", relay::problem_status(error.kind),
                                     base::reason_text(error.kind), error.detail);
  }

  void answer_here(std::string text) {
    answer_.outcome = Outcome::answered_here;
    answer_.conclusion = "Answered by the proxy itself: " + std::move(text);
  }

  void judge() {
    const routing::ClientRules clients = settings::client_rules(listener_);
    const auto allowed = clients.header_name.empty()
                             ? Result<void>()
                             : routing::check_required_header(clients, head().fields);
    add("clients", unknown_conditions(listener_));
    routing::remove_own_fields(clients, head().fields);
    const auto planned = relay::plan_request(rules_, asked_.listener, head(), plan_);
    if (!allowed && !plan_.is_preflight) return refuse(allowed.error());
    if (allowed && !clients.header_name.empty()) {
      add("header", clients.header_name + " is as require_header wants it");
    }
    describe_access();
    if (plan_.passed >= Passed::route) describe_route();
    if (!planned) return refuse(planned.error());
    if (plan_.is_preflight) return answer_here("204, what the page's browser asks before it asks");
    if (plan_.login != nullptr) return answer_login(plan_.login->call);
    prepare();
  }

  void describe_access() {
    if (plan_.passed >= Passed::host && !plan_.client_authority.empty() && !plan_.is_forward) {
      add("host", plan_.client_authority + " is a name of this listener");
    }
    if (plan_.passed < Passed::browser) return;
    const auto& rules = rules_.access[asked_.listener];
    add("browser", rules.same_origin ? "none, or for a page that may ask" : "no sign of one");
  }

  void describe_route() {
    if (plan_.is_forward) {
      add("host", fmt::format("{} is upstream {}'s", plan_.client_authority, upstream().name));
    }
    const bool is_implied = route().place.line == 0;
    add("route", fmt::format("{}, {}", route().name,
                             is_implied ? "implied by the only upstream"
                                        : fmt::format("{}: {}", line_of(route().place),
                                                      match_text(route()))));
    add("upstream",
        fmt::format("{}, {}{}", upstream().name, upstream().origin.to_string(),
                    upstream().connect ? fmt::format(", dialled at {}:{}", upstream().connect->host,
                                                     upstream().connect->port.value_or(0))
                                       : ""));
    if (plan_.passed == Passed::everything) describe_path();
    describe_rules();
  }

  void describe_path() {
    const bool is_stripped = !plan_.is_forward && !route().strip_prefix.empty();
    add("path", plan_.target + (is_stripped ? ", without strip_prefix " + route().strip_prefix
                                            : std::string()));
  }

  void describe_rules() {
    const bool has_verdict = plan_.verdict.cause != routing::RuleVerdict::Cause::no_rules;
    if (has_verdict) {
      add("rules", verdict_text(route().rules, plan_.verdict));
    } else if (route().rules.empty()) {
      add("rules", "none: whatever the account may do");
    } else if (plan_.login != nullptr) {
      add("rules", "not asked: the call reaches nobody");
    }
    if (!plan_.observed.empty()) add("mode", "observe: it goes on, though rules refuse it");
    if (plan_.passes_login) add("login call", "passed on as it is, without our session");
  }

  // What an exchange does, as far as it needs no server.
  void prepare() {
    const MessageEditor* editor = has_session() ? rules_.editors[plan_.upstream].get() : nullptr;
    const bool passes_login = editor != nullptr || !has_session();
    relay::prepare_upstream_head(
        rules_, plan_, passes_login ? http::Treatment::pass : http::Treatment::strip, head());
    if (editor != nullptr && !edit(*editor)) return;
    describe_fields();
    describe_body();
    answer_.outcome = Outcome::forwarded;
    answer_.conclusion =
        fmt::format("Forwarded to {} as {} {}{}", upstream().origin.to_string(), head().method,
                    plan_.target, plan_.observed.empty() ? "" : "\nobserve: " + plan_.observed);
  }

  // False if that is the end of it.
  bool edit(const MessageEditor& editor) {
    const auth::RequestLook look{head().method, plan_.target, &head().fields};
    edit_.begin(editor, look);
    // What the body says is seen when it comes.
    if (edit_.needs() == MessageEditor::Part::body) {
      if (auto begun = edit_.begin_body(head(), settings().limits.soap_body); !begun) {
        refuse(begun.error());
        return false;
      }
      add("session", fmt::format("in the body, held whole up to {} (limits.soap_body): {}; a login "
                                 "in it is treated by login_paths",
                                 size_text(settings().limits.soap_body), credential_text()));
    } else if (edit_.needs() == MessageEditor::Part::target) {
      if (auto inspected = edit_.inspect(look); !inspected) {
        refuse(inspected.error());
        return false;
      }
      if (!edit_.login_operation().empty()) return edit_login();
      add("session", "in the query: " + credential_text());
    }
    edit_.prepare_fields(head().fields);
    return true;
  }

  bool edit_login() {
    static constexpr auth::LoginPath operation{"", "", auth::LoginCall::login};
    const auto planned = relay::plan_login_call(route(), *credential()->scheme, operation, plan_);
    if (!planned) {
      refuse(planned.error());
      return false;
    }
    if (plan_.login != nullptr) {
      answer_login(auth::LoginCall::login);
      return false;
    }
    edit_.leave_unedited();
    add("login call", "passed on as it is, without our session");
    return true;
  }

  void answer_login(auth::LoginCall call) {
    const bool is_logout = call == auth::LoginCall::logout;
    add("login call",
        fmt::format("a {} of the API, login_paths: stub", is_logout ? "logout" : "login"));
    answer_here(is_logout ? "the API's answer to a logout, which does nothing"
                          : fmt::format("the API's answer to a login, with a placeholder, once {} "
                                        "has a session; without one, a failure",
                                        credential()->name));
  }

  std::string credential_text() const {
    return fmt::format("(credential {}, {})", credential()->name, credential()->scheme->name);
  }

  // Names alone of what the client sent: values may be secrets.
  void describe_fields() {
    const std::string_view injected =
        has_session() ? auth::injected_field(*credential()->scheme, credential()->values) : "";
    const auto is_injected = [&](std::string_view name) {
      return !injected.empty() && http::same_name(name, injected);
    };
    static constexpr http::NameSet<2> framing({"Content-Length", "Transfer-Encoding"});
    std::vector<std::string_view> dropped;
    std::vector<std::string> replaced;
    std::vector<std::string> added;
    for (const http::Field& field : received_.fields.all()) {
      if (framing.has(field.name) || is_injected(field.name)) continue;
      const http::Field* sent = head().fields.find(field.name);
      if (sent == nullptr) {
        dropped.push_back(field.name);
      } else if (sent->value != field.value && received_.fields.count(field.name) == 1) {
        replaced.push_back(fmt::format("{}: {}", sent->name, sent->value));
      }
    }
    for (const http::Field& field : head().fields.all()) {
      if (framing.has(field.name) || is_injected(field.name)) continue;
      if (!received_.fields.has(field.name)) {
        added.push_back(fmt::format("{}: {}", field.name, field.value));
      }
    }
    if (!injected.empty()) {
      auto& where = received_.fields.has(injected) ? replaced : added;
      where.push_back(fmt::format("{}: {}", injected, credential_text()));
    }
    if (!dropped.empty()) add("dropped", fmt::format("{}", fmt::join(dropped, ", ")));
    add("never sent", never_sent());
    if (!replaced.empty()) add("replaced", fmt::format("{}", fmt::join(replaced, "\n")));
    if (!added.empty()) add("added", fmt::format("{}", fmt::join(added, "\n")));
  }

  // Found by trying: what becomes of the client's own fields that the configuration decides on.
  std::string never_sent() {
    http::RequestHead probe;
    probe.version = http::Version::http_1_1;
    const routing::ClientRules clients = settings::client_rules(listener_);
    std::vector<std::string_view> names = {"Authorization", "Cookie", "Forwarded",
                                           "X-Forwarded-For"};
    if (!clients.header_name.empty()) names.emplace_back(clients.header_name);
    if (!clients.key_header.empty()) names.emplace_back(clients.key_header);
    for (const std::string_view name : names) probe.fields.add(name, "x");
    routing::remove_own_fields(clients, probe.fields);
    relay::prepare_upstream_head(
        rules_, plan_, has_session() ? http::Treatment::strip : http::Treatment::pass, probe);
    std::erase_if(names, [&](std::string_view name) { return probe.fields.has(name); });
    return fmt::format("the client's {}", fmt::join(names, ", "));
  }

  void describe_body() {
    const auto& limit = settings().limits.request_body;
    add("body", limit ? fmt::format("at most {} (limits.request_body)", size_text(*limit))
                      : "of any size (limits.request_body)");
    const settings::Replay& replay = upstream().replay;
    if (!has_session() || !credential()->logs_in) return;
    if (!relay::covers(replay, head().method)) {
      add("sent again", fmt::format("never: replay.methods has no {}", head().method));
      return;
    }
    std::string condition;
    // A body that is edited is held whole anyway.
    if (!edit_.has_body()) {
      condition =
          fmt::format(" and the body is at most {} (replay.max_body){}", size_text(replay.max_body),
                      replay.expect_continue ? ", or not sent yet" : "");
    }
    add("sent again", "once, after a login, if the session is refused" + condition);
  }

  const relay::RequestRules rules_;
  const AskedRequest& asked_;
  const settings::Listener& listener_;
  http::H1ServerCodec codec_;
  http::RequestHead received_;
  RequestPlan plan_;
  relay::MessageEdit edit_;
  Explanation answer_;
};

std::string to_text(const Explanation& explanation, const Colours& colours) {
  constexpr std::size_t width = 12;
  std::string text = fmt::format("{}{}{}\n\n", colours.bold, explanation.title, colours.plain);
  for (const auto& [name, value] : explanation.lines) {
    std::string_view rest = value;
    std::string_view label = name;
    while (true) {
      const auto end = rest.find('\n');
      text.append(fmt::format("  {:<{}}{}\n", label, width, rest.substr(0, end)));
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
      label = "";
    }
  }
  const std::string_view colour =
      explanation.outcome == Outcome::refused ? colours.red : colours.green;
  const auto end = std::min(explanation.conclusion.find('\n'), explanation.conclusion.size());
  text.append(
      fmt::format("\n{}{}{}", colour, explanation.conclusion.substr(0, end), colours.plain));
  if (end < explanation.conclusion.size()) {
    text.append("\n  ").append(explanation.conclusion.substr(end + 1));
  }
  return text.append("\n");
}

}  // namespace

Result<Explanation> explain(std::shared_ptr<const settings::Settings> settings,
                            const Question& question) {
  const auto asked = write_request(*settings, question);
  if (!asked) return base::fail(asked.error());
  return Explainer(std::move(settings), *asked).explain();
}

int run_explain(std::shared_ptr<const settings::Settings> settings, const Question& question) {
  const auto explanation = explain(std::move(settings), question);
  if (!explanation) {
    std::fputs(fmt::format("vsaproxy explain: {}\n", explanation.error().detail).c_str(), stderr);
    return usage_error;
  }
  std::fputs(to_text(*explanation, Colours::of_standard_output()).c_str(), stdout);
  return explanation->outcome == Outcome::refused ? refused : 0;
}

}  // namespace vsaproxy::cli
