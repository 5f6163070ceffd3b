#pragma once
// One session on a table: time turned by hand, a login server that answers when the test says so,
// and a record of what the workers are told. For tests only, one thread.

#include <catch2/catch.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/tokens/session.h"
#include "tests/support/manual_loop.h"
#include "tests/unit/ops/temporary_folder.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::tokens {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// What was sent and has no answer yet.
class FakeTransport final : public LoginTransport {
 public:
  struct Sent {
    std::string target;
    std::string authorization;
    std::string body;
    base::Duration timeout{};
    Callback callback;
  };
  class Cancel final : public Exchange {
   public:
    Cancel(std::list<Sent>& all, std::list<Sent>::iterator own) : all_(all), own_(own) {}
    ~Cancel() override { all_.erase(own_); }
    Cancel(const Cancel&) = delete;
    Cancel& operator=(const Cancel&) = delete;

   private:
    std::list<Sent>& all_;
    std::list<Sent>::iterator own_;
  };

  explicit FakeTransport(std::list<Sent>& open, int& sent) : open_(open), sent_(sent) {}

  std::unique_ptr<Exchange> send(const auth::LoginRequest& request, base::Duration timeout,
                                 Callback callback) override {
    ++sent_;
    std::string authorization;
    for (const auto& field : request.fields) {
      if (field.name == "Authorization") authorization = field.value.reveal();
    }
    open_.push_back({request.target, authorization, std::string(request.body.reveal()), timeout,
                     std::move(callback)});
    return std::make_unique<Cancel>(open_, std::prev(open_.end()));
  }

 private:
  std::list<Sent>& open_;
  int& sent_;
};

class SessionBench {
 public:
  explicit SessionBench(std::string_view credential_lines = "", std::string_view type_lines = "")
      : state_dir(folder / "state"),
        log_(open_log()),
        ledger(state_dir),
        settings_(settings_of(credential_lines, type_lines)) {}
  ~SessionBench() {
    session_.reset();
    loop.abandon();
  }
  SessionBench(const SessionBench&) = delete;
  SessionBench& operator=(const SessionBench&) = delete;

  Session& session() {
    if (!session_) {
      session_ = std::make_unique<Session>(tools(), settings_, "https://vsa.example.com",
                                           std::make_unique<FakeTransport>(open, sent));
    }
    return *session_;
  }
  void end_session() { session_.reset(); }
  void start() {
    session().start();
    loop.settle();
  }

  // Answers the request that has waited longest.
  void answer(base::Result<LoginAnswer> answer) {
    loop.settle();
    REQUIRE_FALSE(open.empty());
    const auto callback = std::move(open.front().callback);
    callback(std::move(answer));
    loop.settle();
  }
  void answer(int status, std::string_view body = "", std::string_view retry_after = "") {
    LoginAnswer made;
    made.status = status;
    made.body = body;
    made.fields.add("Content-Type", "application/json");
    if (!retry_after.empty()) made.fields.add("Retry-After", retry_after);
    made.received_at = wall_now();
    answer(std::move(made));
  }
  void succeed(std::string_view token = "one") {
    answer(200, fmt::format(R"({{"Result":{{"Token":"{}"}},"ResponseCode":0}})", token));
  }
  void reject() { answer(401, R"({"ResponseCode":4000002})"); }
  void fail_on_the_way() { answer(base::fail(ErrorKind::login_unavailable, "no route")); }

  // What the workers know last.
  const SessionUpdate& state() const {
    REQUIRE_FALSE(published.empty());
    return published.back();
  }
  std::string bearer() const {
    return std::string(state().credential->fields.front().value.reveal());
  }
  std::uint64_t count(std::string_view result) {
    return metrics.counter("vsaproxy_logins_total", {"vsa", std::string(result)}).value();
  }
  int remaining() const {
    return ledger.remaining({"https://vsa.example.com", "demo"}, settings_.login_budget,
                            wall_now());
  }
  std::string log_text() {
    session_.reset();
    log_.reset();
    return ops::read_text(folder / "log");
  }
  base::WallTime wall_now() const {
    return base::WallTime(seconds(1'700'000'000)) + wall_shift +
           std::chrono::duration_cast<base::WallTime::duration>(
               const_cast<net::ManualLoop&>(loop).now().time_since_epoch());
  }

  ops::TemporaryFolder folder;
  std::string state_dir;
  net::ManualLoop loop;

 private:
  std::unique_ptr<ops::Log> log_;

 public:
  ops::LoginLedger ledger;
  ops::MetricSet metrics;
  std::list<FakeTransport::Sent> open;
  int sent = 0;
  std::vector<SessionUpdate> published;
  int workers = 0;
  double jitter = 0;
  std::string secret = "first-secret";
  std::uint64_t secret_stamp = 1;
  bool secret_is_missing = false;
  std::function<void()> on_publish;
  std::string cache_key = "a text of 16 or more";
  seconds wall_shift{};  // how far the wall clock has jumped

 private:
  std::unique_ptr<ops::Log> open_log() {
    settings::Log log;
    log.output = {settings::LogOutput::Kind::file, folder / "log"};
    auto opened = ops::Log::open(log);
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }

  static settings::Credential settings_of(std::string_view lines, std::string_view type) {
    const std::string text = fmt::format(
        "version: 1\nlisten: 127.0.0.1:3128\ncredentials:\n  vsa:\n{}{}"
        "upstreams:\n  vsa: {{url: https://vsa.example.com, auth: vsa}}\n",
        type.empty() ? "    type: kaseya-vsa9\n    username: demo\n    token: {file: demo.pat}\n"
                     : type,
        lines);
    return settings::good_settings(text).credentials.at(0);
  }

  SessionTools tools() {
    return {.loop = loop,
            .ledger = ledger,
            .log = *log_,
            .metrics = metrics,
            .wall_now = [this] { return wall_now(); },
            .random = [this] { return static_cast<std::uint32_t>(jitter * 4294967295.0); },
            .read_secret = [this](const base::SecretRef& ref) -> base::Result<base::Secret> {
              if (ref.name == "cache.key") return base::Secret(cache_key);
              if (secret_is_missing) return base::fail(ErrorKind::configuration, "no such file");
              return base::Secret(secret);
            },
            .secret_stamp =
                [this](const base::SecretRef& ref) {
                  return ref.name == "cache.key" ? cache_key.size() : secret_stamp;
                },
            .fingerprint = [](std::string_view) { return std::string("print"); },
            .publish =
                [this](const SessionUpdate& update) {
                  published.push_back(update);
                  if (on_publish) on_publish();
                  return workers;
                }};
  }

  settings::Credential settings_;
  std::unique_ptr<Session> session_;
};

}  // namespace vsaproxy::tokens
