#pragma once
// What the simulator has seen: counters and the last data requests. Owned by the Simulator.

#include <cstdint>
#include <deque>
#include <string>

#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

struct Counters {
  struct {
    std::uint64_t ok = 0;
    std::uint64_t rejected = 0;  // wrong, and counted towards the lock
    std::uint64_t locked = 0;    // came while the account was locked, right or wrong
    std::uint64_t failed = 0;    // answered with login_status
    std::uint64_t broken = 0;    // reset, closed or never answered
    std::uint64_t malformed = 0;
    std::uint64_t empty_token = 0;
    std::uint64_t without_authorization = 0;
  } logins;
  struct {
    std::uint64_t ok = 0;         // with a live session, or none needed
    std::uint64_t refused = 0;    // without
    std::uint64_t abandoned = 0;  // not wholly answered: the client left, or we broke off
  } data;
  struct {
    std::uint64_t accepted = 0;
    std::uint64_t open = 0;
    std::uint64_t max_open = 0;
    std::uint64_t used = 0;  // brought at least one login or data request
    std::uint64_t tls = 0;
    std::uint64_t tls_resumed = 0;
  } connections;
  struct {
    std::uint64_t now = 0;  // logins and data requests between head and end of answer
    std::uint64_t max = 0;
  } concurrent;
  std::uint64_t bad_requests = 0;  // broke RFC 9112
  std::string last_bad_request;
};

struct LogEntry {
  std::string method = {};
  std::string target = {};
  std::string session = {};  // live, refused, or open for pages that need none
  int status = 0;            // 0: not answered
  std::uint64_t body_bytes = 0;
  std::uint64_t connection_id = 0;
  std::uint64_t request_number = 0;  // on its connection
  bool is_complete = false;          // the answer was wholly handed to the network
  std::string request_id = {};       // X-Request-id, with which VSPC tells repeated writes
};

// The last 1000 data requests, numbered from 1.
class RequestLog {
 public:
  std::uint64_t add(LogEntry entry);
  // Null if it was pushed out already.
  LogEntry* find(std::uint64_t number);
  void clear();
  // {"first":NUMBER,"requests":[…]}, oldest first.
  std::string to_json() const;

 private:
  std::deque<LogEntry> entries_;
  std::uint64_t first_ = 1;
};

struct LoginEntry {
  std::string method;
  std::string target;
  std::string content_type;
  std::string body;  // with its secrets
  int status = 0;
};

// The last 1000 login calls.
class LoginLog {
 public:
  void add(LoginEntry entry);
  void clear() { entries_.clear(); }
  // {"logins":[…]}, oldest first.
  std::string to_json() const;

 private:
  std::deque<LoginEntry> entries_;
};

}  // namespace vsaproxy::simulator
