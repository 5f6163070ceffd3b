#pragma once
// The configuration as plain structs, constant once loaded and shared by all threads. The initial
// values here are the defaults of the file: the one table of them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/auth/login_budget.h"
#include "proxy/auth/login_policy.h"
#include "proxy/auth/scheme.h"
#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/http/target.h"
#include "proxy/routing/path_rules.h"
#include "proxy/settings/listener.h"

namespace vsaproxy::settings {

using base::Duration;
using std::chrono::minutes;
using std::chrono::seconds;

struct SessionCheck {
  std::string method = "GET";
  std::string path;  // default: the scheme's check_path under its base
  friend bool operator==(const SessionCheck&, const SessionCheck&) = default;
};

// Where a session outlives the process.
struct SessionCache {
  std::string file;     // as written: relative ones stand in the state directory
  base::SecretRef key;  // the text that the file is sealed with
  base::Place place;
  friend bool operator==(const SessionCache& a, const SessionCache& b) {
    return a.file == b.file && a.key == b.key;
  }
};

struct Credential {
  std::string name;
  const auth::SchemeSpec* scheme = nullptr;
  base::FieldValues values;
  std::string account;   // whose logins are counted, at whatever server
  std::string api_base;  // where the API lives under the upstream's url; no slash at the end
  bool logs_in = false;  // else the values make it static
  std::optional<http::Origin> login_origin;  // empty: that of the upstream
  auth::Lead renew_before = Duration(seconds(60));
  Duration max_age = minutes(25);
  bool one_session = false;  // the scheme's default, unless written
  std::vector<int> relogin_on = {401};
  Duration login_timeout = seconds(10);
  Duration min_backoff = seconds(1);
  Duration max_backoff = minutes(5);
  auth::BudgetSettings login_budget;
  SessionCheck check;
  std::optional<SessionCache> cache;

  // Same account, secrets and rules: a session made under one serves the other.
  friend bool operator==(const Credential&, const Credential&) = default;
};

struct UpstreamTls {
  std::optional<base::SecretRef> ca;  // PEM file, added to the system store ...
  bool only_ca = false;               // ... or in its place
  TlsVersion min_version = TlsVersion::tls_1_2;
  std::string server_name;  // SNI and certificate name; empty: the host of url
  // Each the SHA-256 of a SubjectPublicKeyInfo in base64 (RFC 7469, 2.4); empty: any key will do.
  std::vector<std::string> pins;
  // What the proxy shows if it is asked who it is, PEM, leaf first. Both or none.
  std::optional<base::SecretRef> client_certificate;
  std::optional<base::SecretRef> client_key;
  friend bool operator==(const UpstreamTls&, const UpstreamTls&) = default;
};

struct Timeouts {
  Duration connect = seconds(5);  // each address
  Duration tls = seconds(5);
  Duration response_header = seconds(60);  // from the request's last byte to the answer's head
  Duration idle = seconds(60);             // without a byte either way
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

struct Pool {
  std::size_t max_connections = 256;
  Duration idle_timeout = seconds(40);
  friend bool operator==(const Pool&, const Pool&) = default;
};

// Of the requests to one upstream, over all workers.
struct RequestLimits {
  std::optional<std::size_t> concurrency;            // under way at once; empty: any number
  std::optional<std::chrono::nanoseconds> interval;  // between two that begin; empty: any rate
  std::size_t burst = 1;                             // so many may begin at once after a pause
  std::size_t queue = 100;                           // so many may wait
  friend bool operator==(const RequestLimits&, const RequestLimits&) = default;
};

struct Replay {
  bool all_methods = true;
  std::vector<std::string> methods;  // if not all
  std::size_t max_body = 64 * 1024;
  bool expect_continue = false;
  friend bool operator==(const Replay&, const Replay&) = default;
};

using routing::PathCase;

struct Upstream {
  std::string name;
  http::Origin origin;
  std::optional<std::size_t> credential;   // index into Settings::credentials; empty: auth: none
  std::optional<http::Authority> connect;  // dial here instead
  UpstreamTls tls;
  Timeouts timeouts;
  Pool pool;
  std::optional<RequestLimits> limits;  // empty: requests never wait for a turn
  Replay replay;
  PathCase path_case = PathCase::insensitive;
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

// What happens to the API's own login and logout calls under a credential.
enum class LoginPaths { stub, refuse, pass };

struct Route {
  std::string name;
  std::string path_prefix = "/";  // on whole segments
  std::string host;               // empty: any; lower case
  std::string listener;           // empty: any
  std::size_t upstream = 0;       // index into Settings::upstreams
  std::string strip_prefix;       // empty: nothing is stripped
  routing::PathRules rules;       // for paths without strip_prefix
  bool raw_paths = false;         // "%2F" is let through
  LoginPaths login_paths = LoginPaths::stub;
  bool pass_cookies = false;
  bool pass_cors = false;
  base::Place place;  // in the file; line 0: implied by the only upstream
  friend bool operator==(const Route&, const Route&) = default;
};

// Whether the rules of routes refuse, or only say what they would refuse.
enum class RuleMode { enforce, observe };

struct Limits {
  std::size_t header_bytes = 32 * 1024;
  std::size_t header_count = 100;
  std::optional<std::uint64_t> request_body;  // empty: unlimited
  std::size_t soap_body = 8 * 1024 * 1024;
  std::size_t connections = 10000;
  std::size_t connections_per_client = 1000;
  Duration client_header_timeout = seconds(10);
  Duration client_idle_timeout = seconds(60);
  Duration drain_timeout = seconds(30);
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Admin {
  TcpAddress address = {"127.0.0.1", 9128};
  std::string control = "control.sock";
  friend bool operator==(const Admin&, const Admin&) = default;
};

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { text, json };
enum class QueryLogging { drop, names, full };

struct LogOutput {
  enum class Kind { standard_error, standard_output, file };
  Kind kind = Kind::standard_error;
  std::string path;
  friend bool operator==(const LogOutput&, const LogOutput&) = default;
};

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  LogOutput output;
  bool access = true;
  QueryLogging query = QueryLogging::drop;
  friend bool operator==(const Log&, const Log&) = default;
};

struct Settings {
  std::string file;       // the path it was read from, for messages and for relative secrets
  int workers = 1;        // 0: auto
  std::string state_dir;  // empty: not written
  std::string runtime_dir;
  std::vector<Listener> listeners;
  std::vector<Credential> credentials;
  std::vector<Upstream> upstreams;
  RuleMode mode = RuleMode::enforce;
  std::vector<Route> routes;
  Limits limits;
  std::optional<Admin> admin = Admin{};  // empty: off
  Log log;
};

}  // namespace vsaproxy::settings
