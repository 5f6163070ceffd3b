#pragma once
// The simulated VSA server: login, sessions, data pages and the control path that tests steer it
// by. Owned by main, outlives all connections, lives on their thread.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/simulator/account.h"
#include "tests/simulator/connection.h"
#include "tests/simulator/journal.h"
#include "tests/simulator/options.h"
#include "tests/simulator/pages.h"
#include "tests/simulator/system.h"

namespace vsaproxy::simulator {

class Simulator : public Handler {
 public:
  // `options` is also what a reset goes back to.
  explicit Simulator(Options options)
      : initial_(options),
        options_(std::move(options)),
        account_(options_),
        systems_(make_systems({options_, account_, counters_})) {}

  void connection_opened();
  void connection_closed();

  std::optional<Answer> on_head(Request& request) override;
  Answer on_request(Request& request) override;
  void on_end(const Request& request, bool was_answered) override;
  void on_bad_request(std::string_view reason) override;
  void on_tls(bool was_resumed) override;
  bool sends_continue() const override { return options_.sends_continue; }
  std::chrono::milliseconds idle_timeout() const override;
  std::int64_t clock() const override;

 private:
  // Which part of the server a target belongs to.
  enum class Part { control, system, login, logout, echo, page, unknown };
  struct Place {
    Part part = Part::unknown;
    Target target;
    const Page* page = nullptr;
    System* system = nullptr;
  };

  Place locate(const Request& request) const;
  Answer answer_login(const Request& request);
  Answer answer_credentials(const std::string* authorization);
  Answer misbehaving_login(const std::string& behaviour);
  Answer successful_login(const std::string& token) const;
  Answer rejected_login() const;
  Answer answer_data(const Request& request, const Place& place);
  Answer answer_system(const Request& request, const Place& place);
  Answer answer_control(const Request& request, const Target& target);
  Answer change_options(std::string_view json);
  void reset();
  std::string stats_json() const;
  std::string tokens_json() const;

  const Options initial_;
  Options options_;
  Account account_;
  Counters counters_;
  RequestLog log_;
  LoginLog login_log_;
  std::vector<std::unique_ptr<System>> systems_;
};

}  // namespace vsaproxy::simulator
