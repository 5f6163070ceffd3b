#pragma once
// What the systems other than Kaseya's own have in common: a base path, login calls, pages that
// want what the login gave, and the options that make logins and data calls fail.

#include <optional>
#include <string>
#include <string_view>

#include "tests/simulator/system.h"

namespace vsaproxy::simulator {

struct Visit {
  const Request& request;
  const Target& target;
  std::string_view rest;  // of the path, after the API's base
  Time now;
};

class Api : public System {
 public:
  // The account is its own: neither sessions nor the lock are shared with other systems.
  Api(const Shared& shared, std::string (*make_token)())
      : options_(shared.options),
        counters_(shared.counters),
        account_(shared.options, make_token),
        changing_options_(shared.options) {}

  bool owns(const Target& target) const override { return rest_of(target.path).has_value(); }
  SystemReply answer(const Request& request, const Target& target, Time now) override;
  std::vector<std::string> issued_tokens() const override;
  void revoke() override { account_.end_sessions(); }
  void unlock() override { account_.unlock(); }
  void reset() override;

 protected:
  enum class Part { login, open, data };

  // What follows the base in a path (lower case); empty: not of this API.
  virtual std::optional<std::string_view> rest_of(std::string_view path) const = 0;
  virtual Part part_of(const RequestHead& head, std::string_view rest) const = 0;
  // Whether a data call brings what it needs.
  virtual bool admits(const RequestHead& head, Time now) const = 0;
  virtual Answer log_in(const Visit& visit) = 0;
  // What a login answer is without its token.
  virtual Answer tokenless() const = 0;
  // An open or data page; empty: none of its own.
  virtual std::optional<Answer> show(const Visit& visit) = 0;
  // In the shape of the API. 401 is the answer to a data call that is not admitted.
  virtual Answer error(int status, std::string_view text) const = 0;
  virtual Answer throttled() const;
  virtual int failure_status() const { return 500; }

  // Counted for the lock and in the statistics.
  Account::Login admit(LoginResult checked, Time now);
  // That login answers claim.
  std::int64_t stated_lifetime() const;
  std::int64_t clock() const;  // seconds since 1970

  const Options& options_;
  Counters& counters_;
  Account account_;

 private:
  Answer answer_login(const Visit& visit);
  Answer answer_data(const Visit& visit);

  Options& changing_options_;  // the same, for what counts down
};

// What follows `base` in a path, if that ends there or at a slash.
std::optional<std::string_view> rest_after(std::string_view base, std::string_view path);

}  // namespace vsaproxy::simulator
