#pragma once
// What the simulated server does, as one flat set of keys. The same table makes the command line's
// flags (session_lifetime is --session-lifetime) and the members of the control path's JSON.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>

namespace vsaproxy::simulator {

struct Options {
  std::string username = "demo";
  std::string token = "00000000-0000-0000-0000-000000000000";
  std::string password = "demo-password";
  std::string two_factor;
  std::string encoding = "utf-8";
  std::string base = "/api/v1.0";

  double session_lifetime = 1800;
  bool one_session = true;
  bool states_expiry = true;
  double stated_lifetime = -1;
  std::string expiry_text;
  double clock_skew = 0;
  std::string token_field = "both";

  std::string login = "ok";
  std::int64_t login_times = 0;
  std::int64_t login_status = 503;
  std::string retry_after;
  double login_delay_ms = 0;
  std::string rejected_as = "code-4000002";
  std::int64_t lockout_after = 3;
  double lockout_seconds = 3600;

  bool requires_token = true;
  std::string expired = "http-401";
  std::string expired_framing = "length";
  std::string expired_coding = "identity";
  double expired_body_delay_ms = 0;
  bool refuse_early = false;

  double data_delay_ms = 0;
  double latency_ms = 0;
  bool sends_continue = true;
  std::int64_t drop_reused = 0;
  double idle_timeout_ms = 0;
  std::int64_t agents = 250;

  std::string soap_hash = "any";
  std::int64_t app_session_id = 0;
  std::string soap_login_error;
  std::string soap_expired = "session-zero";
  std::string soap_expired_text = "Session is invalid or has expired";
  std::string soap_coding = "identity";
  bool session_slides = true;
};

using OptionMember = std::variant<std::string Options::*, bool Options::*, double Options::*,
                                  std::int64_t Options::*>;

struct OptionEntry {
  std::string_view name;  // as in JSON
  OptionMember member;
  std::string_view help;
  std::string_view choices = {};  // of a text, separated by "|"; empty: any text
};

std::span<const OptionEntry> option_table();

// True if the text is among the entry's choices, or the entry has none.
bool is_choice(const OptionEntry& entry, std::string_view text);

// The options with the members of a JSON object changed. Unknown members, wrong types, texts that
// are no choice and negative numbers (but for stated_lifetime and clock_skew) are errors, and then
// nothing is changed.
tl::expected<Options, std::string> with_changes(const Options& options, std::string_view json);

std::string to_json(const Options& options);

}  // namespace vsaproxy::simulator
