#pragma once
// The one account: checks what a login brings, keeps its live sessions and the lock-out count.
// Owned by the Simulator.

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tests/simulator/options.h"

namespace vsaproxy::simulator {

using Time = std::chrono::steady_clock::time_point;

enum class LoginResult { ok, rejected, locked, no_authorization, no_user };

// A token (Basic NAME:TOKEN) or a password login. The password's payload is a list of name=value
// with commas, in any order: pass2 = SHA-256(SHA-256(password + name) + rand2), pass1 likewise with
// SHA-1, and rpass2, rpass1 either the same of the name as typed (the web page's formula) or hashes
// of the password alone (the documentation's). All hashes must be right, unlike on a real server,
// which is said to look at pass2 alone. For a domain account the hashed name is domain/name.
LoginResult check_login(const Options& options, const std::string* authorization);

// What SOAP's Authenticate brings.
struct CoveredLogin {
  std::string user;
  std::string covered;    // H(H(password + name) + random), lower-case hex
  std::string random;     // any text, not empty
  std::string algorithm;  // SHA-256, SHA-1, or blank for SHA-1
};

// The name is hashed as for pass2 and pass1 above. The option soap_hash leaves one algorithm only.
LoginResult check_covered_password(const Options& options, const CoveredLogin& login);

// The credentials of an Authorization field of that scheme, in any case (RFC 9110, 11.4); empty:
// there are none.
std::optional<std::string_view> credentials_of(const std::string* field, std::string_view scheme);

// 26 digits, as VSA 9 has them, and 32 characters of base64, + and / among them.
std::string make_decimal_token();
std::string make_base64_token();

class Account {
 public:
  struct Login {
    LoginResult result = LoginResult::rejected;
    std::string token;
  };

  // `options` is read at every call, so changes take effect at once.
  explicit Account(const Options& options, std::string (*make_token)() = make_decimal_token)
      : options_(options), make_token_(make_token) {}

  Login log_in(const std::string* authorization, Time now);
  // What becomes of a login that a system has checked itself: it counts towards the lock, or gets a
  // session, unless the account is locked.
  Login admit(LoginResult checked, Time now);
  // A session that no login of the account was needed for.
  std::string open_session(Time now);
  // A secret of the server that is no session token, for tests that search for leaks.
  void note_issued(std::string secret);
  // The value of an Authorization field: exactly "Bearer TOKEN" with a session that lives.
  bool is_live(const std::string* authorization, Time now) const;
  bool is_live_token(std::string_view token, Time now) const;
  // Lets a live session last its whole lifetime from now on.
  void extend(std::string_view token, Time now);
  // Ends the session of a Bearer field; unknown ones are ignored.
  void log_out(const std::string* authorization);
  void end_sessions() { sessions_.clear(); }
  // Forgets rejected logins and the lock.
  void unlock();

  // The last 1000 session tokens, ended ones too, oldest first.
  const std::deque<std::string>& issued_tokens() const { return issued_; }

  bool is_locked(Time now) const { return now < locked_until_; }
  long consecutive_rejected() const { return consecutive_rejected_; }
  std::size_t live_sessions(Time now) const;

 private:
  void count_rejected(Time now);
  Time end_of_session(Time now) const;

  const Options& options_;
  std::string (*make_token_)();
  std::unordered_map<std::string, Time> sessions_;  // token -> end
  std::deque<std::string> issued_;
  long consecutive_rejected_ = 0;
  Time locked_until_{};
};

}  // namespace vsaproxy::simulator
