#include "proxy/cli/login.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "proxy/auth/timestamp.h"
#include "proxy/net/dialer.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/login_ledger.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/settings/login_place.h"
#include "proxy/tokens/token_fetcher.h"
#include "proxy/tokens/token_manager.h"

namespace vsaproxy::cli {
namespace {

constexpr int failure = 1;
constexpr int usage_error = 2;

using settings::Credential;
using settings::Settings;
using settings::Upstream;

// Not fmt::print: it throws when nobody reads.
template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  std::fputs(fmt::format(text, std::forward<Args>(args)...).c_str(), stdout);
}
template <class... Args>
void complain(fmt::format_string<Args...> text, Args&&... args) {
  std::fputs(fmt::format(text, std::forward<Args>(args)...).c_str(), stderr);
}

// One login for each credential and login origin, though several upstreams may share them.
std::vector<const Upstream*> places_of(const Settings& settings, const Credential& credential) {
  std::vector<const Upstream*> places;
  for (const Upstream& upstream : settings.upstreams) {
    if (!upstream.credential || &settings.credentials[*upstream.credential] != &credential)
      continue;
    const bool is_new = std::none_of(places.begin(), places.end(), [&](const Upstream* known) {
      return settings::login_place(settings, *known).origin ==
             settings::login_place(settings, upstream).origin;
    });
    if (is_new) places.push_back(&upstream);
  }
  return places;
}

std::vector<const Credential*> chosen(const Settings& settings, const std::string& name) {
  std::vector<const Credential*> credentials;
  for (const Credential& credential : settings.credentials) {
    if (name.empty() || credential.name == name) credentials.push_back(&credential);
  }
  if (credentials.empty()) {
    for (const Credential& credential : settings.credentials) {
      complain("known is {}\n", credential.name);
    }
    complain("there is no credential {}{}\n", name.empty() ? "in the file" : "named ", name);
  }
  return credentials;
}

ops::LoginAccount account_of(const Settings& settings, const Credential& credential,
                             const Upstream& upstream) {
  return {settings::login_place(settings, upstream).origin.to_string(), credential.account};
}

// Notes what the login server says of its clock, on the way through.
class WatchedTransport final : public tokens::LoginTransport {
 public:
  struct Seen {
    std::string date;
    base::WallTime received_at{};
    int status = 0;
  };
  WatchedTransport(std::unique_ptr<LoginTransport> inner, Seen& seen)
      : inner_(std::move(inner)), seen_(seen) {}

  std::unique_ptr<Exchange> send(const auth::LoginRequest& request, base::Duration timeout,
                                 Callback callback) override {
    return inner_->send(
        request, timeout,
        [this, callback = std::move(callback)](base::Result<tokens::LoginAnswer> answer) {
          if (answer) note(*answer);
          callback(std::move(answer));
        });
  }

 private:
  void note(const tokens::LoginAnswer& answer) {
    const http::Field* date = answer.fields.find("Date");
    seen_ = {date == nullptr ? std::string() : std::string(date->value), answer.received_at,
             answer.status};
  }

  std::unique_ptr<LoginTransport> inner_;
  Seen& seen_;
};

void print_clock(const WatchedTransport::Seen& seen) {
  if (seen.date.empty()) return;
  say("  server clock  {}", seen.date);
  const auto received = std::chrono::floor<std::chrono::seconds>(seen.received_at);
  if (const auto server = auth::parse_http_date(seen.date, received)) {
    const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(*server - received).count();
    if (ahead == 0) {
      say(" (as ours)");
    } else {
      say(" ({} s {} ours)", std::abs(ahead), ahead > 0 ? "ahead of" : "behind");
    }
  }
  say("\n");
}

// What a login leaves to say.
struct Outcome {
  tokens::SessionUpdate update;
  WatchedTransport::Seen seen;
};

// The request that tells a good session from a refused one, with the new session.
bool check_session(net::LibeventLoop& loop, tokens::LoginTransport& transport,
                   const Credential& credential, const auth::Credential& session) {
  auth::LoginRequest request;
  request.method = credential.check.method;
  request.target = credential.check.path;
  request.fields = session.fields;
  std::string outcome;
  bool is_good = false;
  const auto exchange = transport.send(
      request, credential.login_timeout, [&](base::Result<tokens::LoginAnswer> answer) {
        is_good = answer && !tokens::is_session_refusal(credential, *answer);
        outcome = !answer ? answer.error().detail
                  : !is_good
                      ? fmt::format("the new session was refused (status {})", answer->status)
                      : fmt::format("status {}", answer->status);
        loop.stop();
      });
  loop.run();
  say("  check         {} {}: {}\n", request.method, request.target, outcome);
  return is_good;
}

void print_outcome(const Credential& credential, const Outcome& outcome, net::EventLoop& loop) {
  const auto& [update, seen] = outcome;
  if (!update.credential) {
    say("  outcome       {}: {}\n", base::reason_text(update.block->error.kind),
        update.block->error.detail);
    print_clock(seen);
    return;
  }
  if (!credential.logs_in) {
    say("  outcome       nothing to try: {} is sent as it is\n", credential.scheme->name);
    return;
  }
  say("  outcome       ok\n");
  if (update.credential->expires) {
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(*update.credential->expires - loop.now());
    say("  expires in    {}m {}s\n", left.count() / 60, left.count() % 60);
  }
  print_clock(seen);
}

// What the programs print that the TLS of both needs.
base::Result<ops::PrintedTexts> print_keys(const Upstream& place, const Upstream& upstream) {
  auto programs = ops::tls_programs(place.tls);
  const auto others = ops::tls_programs(upstream.tls);
  programs.insert(programs.end(), others.begin(), others.end());
  return ops::PrintedTexts::print(programs, -1);
}

int login_at(const Settings& settings, const Credential& credential, const Upstream& upstream,
             ops::Log& log) {
  const Upstream place = credential.logs_in ? settings::login_place(settings, upstream) : upstream;
  say("credential {} at {}\n", credential.name, place.origin.to_string());
  net::Resolver resolver;
  net::LibeventLoop loop;
  net::SocketDialer dialer(loop, resolver);
  ops::Metrics metrics;
  ops::LoginLedger ledger(settings.state_dir);
  const auto printed = print_keys(place, upstream);
  if (!printed) {
    say("  outcome       {}:{}\n", settings.file, printed.error().detail);
    return failure;
  }
  auto transport = tokens::make_login_transport(loop, dialer, settings, place, *printed);
  auto check_transport = tokens::make_login_transport(loop, dialer, settings, upstream, *printed);
  if (!transport || !check_transport) {
    say("  outcome       {}\n", (transport ? check_transport : transport).error().detail);
    return failure;
  }
  Outcome outcome;
  tokens::SecretStore commands(loop, log);
  tokens::SessionTools tools =
      tokens::make_session_tools(loop, ledger, log, metrics.new_set(), commands, settings.file);
  tools.publish = [&](const tokens::SessionUpdate& update) {
    outcome.update = update;
    if (update.credential || update.block) loop.stop();
    return 0;
  };
  tokens::Session session(tools, credential, place.origin.to_string(),
                          std::make_unique<WatchedTransport>(std::move(*transport), outcome.seen));
  session.log_in();
  loop.run();
  print_outcome(credential, outcome, loop);
  if (!outcome.update.credential) return failure;
  if (credential.check.path.empty()) return 0;
  return check_session(loop, **check_transport, credential, *outcome.update.credential) ? 0
                                                                                        : failure;
}

}  // namespace

int run_login(const Settings& settings, const std::string& name) {
  const auto credentials = chosen(settings, name);
  if (credentials.empty()) return usage_error;
  settings::Log quiet;
  quiet.level = settings::LogLevel::error;
  auto log = ops::Log::open(quiet);
  if (!log) return failure;
  int code = 0;
  for (const Credential* credential : credentials) {
    for (const Upstream* upstream : places_of(settings, *credential)) {
      code = std::max(code, login_at(settings, *credential, *upstream, **log));
    }
  }
  return code;
}

int run_unlock(const Settings& settings, const std::string& name) {
  const auto credentials = chosen(settings, name);
  if (credentials.empty()) return usage_error;
  ops::LoginLedger ledger(settings.state_dir);
  for (const Upstream* upstream : places_of(settings, *credentials.front())) {
    const ops::LoginAccount account = account_of(settings, *credentials.front(), *upstream);
    const auto forgotten = ledger.forget(account);
    if (!forgotten) {
      complain("{}\n", forgotten.error().detail);
      return failure;
    }
    say("{} at {}: {}\n", account.account, account.origin,
        *forgotten ? "rejected logins forgotten" : "there was nothing to forget");
  }
  return 0;
}

}  // namespace vsaproxy::cli
