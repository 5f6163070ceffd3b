#pragma once
// Every key of the file, by mapping, including those that a later version will read: a key that is
// only not built yet must not be called unknown. The keys of a credential type are in its own
// table.

#include <span>
#include <string_view>
#include <vector>

namespace vsaproxy::settings {

enum class Support { now, later };

struct Key {
  std::string_view name;
  Support support = Support::now;
  // The one value that may be written although the key is not supported: it changes nothing.
  std::string_view harmless = {};
};

inline constexpr Key file_keys[] = {{"version"},
                                    {"workers"},
                                    {"state_dir"},
                                    {"runtime_dir"},
                                    {"listen"},
                                    {"listeners"},
                                    {"credentials"},
                                    {"upstreams"},
                                    {"mode"},
                                    {"routes"},
                                    {"connect", Support::later},
                                    {"intercept", Support::later},
                                    {"limits"},
                                    {"admin"},
                                    {"log"}};

inline constexpr Key listener_keys[] = {
    {"name"},    {"address"}, {"modes"},  {"allowed_hosts"}, {"browsers"},       {"require_header"},
    {"clients"}, {"socket"},  {"expose"}, {"tls"},           {"trusted_proxies"}};
inline constexpr Key listener_tls_keys[] = {
    {"certificate"}, {"key"}, {"client_ca"}, {"min_version"}};
inline constexpr Key browsers_keys[] = {{"allow_origins"}};
inline constexpr Key require_header_keys[] = {{"name"}, {"value"}};
inline constexpr Key socket_keys[] = {{"mode"}, {"owner"}, {"group"}};
inline constexpr Key clients_keys[] = {{"allow"},        {"deny"},     {"local_users"},
                                       {"local_groups"}, {"api_keys"}, {"certificates"}};
inline constexpr Key api_keys_keys[] = {{"header"}, {"keys"}};
inline constexpr Key api_key_keys[] = {{"name"}, {"hash"}};
inline constexpr Key certificate_keys[] = {{"name"}, {"san_dns"}};

inline constexpr Key credential_keys[] = {
    {"type"},          {"renew_before"}, {"max_age"},      {"one_session"}, {"relogin_on"},
    {"login_timeout"}, {"backoff"},      {"login_budget"}, {"check"},       {"cache"}};
inline constexpr Key backoff_keys[] = {{"min_backoff"}, {"max_backoff"}};
inline constexpr Key login_budget_keys[] = {{"rejected"}, {"per"}};
inline constexpr Key check_keys[] = {{"method"}, {"path"}};
inline constexpr Key cache_keys[] = {{"file"}, {"key"}};

inline constexpr Key upstream_keys[] = {
    {"url"},  {"auth"},   {"connect"}, {"tls"},  {"proxy", Support::later}, {"timeouts"},
    {"pool"}, {"limits"}, {"replay"},  {"case"}, {"insecure_http"}};
inline constexpr Key upstream_tls_keys[] = {{"ca"},          {"only_ca"},    {"min_version"},
                                            {"server_name"}, {"pin_sha256"}, {"client_certificate"},
                                            {"client_key"}};
inline constexpr Key timeouts_keys[] = {{"connect"}, {"tls"}, {"response_header"}, {"idle"}};
inline constexpr Key pool_keys[] = {{"max_connections"}, {"idle_timeout"}};
inline constexpr Key request_limits_keys[] = {{"concurrency"}, {"rate"}, {"burst"}, {"queue"}};
inline constexpr Key replay_keys[] = {{"methods"}, {"max_body"}, {"expect_continue"}};

inline constexpr Key route_keys[] = {{"name"},    {"match"}, {"upstream"}, {"strip_prefix"},
                                     {"methods"}, {"allow"}, {"deny"},     {"login_paths"},
                                     {"cookies"}, {"cors"},  {"raw_paths"}};
inline constexpr Key rule_keys[] = {{"methods"}, {"paths"}};
inline constexpr Key match_keys[] = {{"path_prefix"}, {"host"}, {"listener"}};

inline constexpr Key limits_keys[] = {{"header_bytes"},          {"header_count"},
                                      {"request_body"},          {"soap_body"},
                                      {"connections"},           {"connections_per_client"},
                                      {"client_header_timeout"}, {"client_idle_timeout"},
                                      {"drain_timeout"}};
inline constexpr Key admin_keys[] = {{"address"}, {"control", Support::later, "control.sock"}};
inline constexpr Key log_keys[] = {{"level"}, {"format"}, {"output"}, {"access"}};
inline constexpr Key output_keys[] = {{"file"}};
inline constexpr Key access_keys[] = {{"query"}};

// True if a key of that name may hold a secret: a known one, one that is spelt nearly so, or any
// that sounds like it. Never for other keys of the tables.
bool may_hold_secret(std::string_view key);

}  // namespace vsaproxy::settings
