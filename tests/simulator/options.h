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

  std::string totp;
  std::string public_key =
      "<RSAKeyValue><Modulus>vbRr7cFmlRyi6Tbj6ySK7IOvucqxvMPbPwG9qGfxGlP80WYRTwdEb/wr6LlXtZ16QTuAnJ"
      "hkKJ2n+pMJ2G1J1OOAwPsOhPcLtyWtEe4kJ2SD3Xi4oHF65YtG29OK/FKGX3+WUPEWtqsEsFM0n42bhzGQS2eZgHkOSA"
      "NovQesuQ82ksEVbRpOf4979hyTFaae6ppC34bBHybQEKD1SXNkny1fEqnO8kir6/2duUjrdlhGdHQkJ46B2Y9Wpo8EWi"
      "yM5ICyiOvtbTcCNpyFme2vA7W9ZvpnAJZYsQDOB4YLK+HITSH5w2JhFIcfntrHu0PljQZgbDI0E+i7A5zVn6v/KQ=="
      "</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>";
  std::string key_grant = "both";
  std::string challenge = "text";
  double challenge_seconds = 30;
  std::string api_key = "demo-api-key";
  std::string token_id = "demo-token-id";
  std::string token_secret = "demo-token-secret";
  std::string client_id = "demo-client";
  std::string client_secret = "demo-client-secret";
  std::string client_auth = "either";

  double session_lifetime = 1800;
  double refresh_lifetime = 1209600;
  bool gives_refresh = false;
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

  std::string odd_token = "body";
  std::string odd_expiry = "seconds";
  std::string odd_field = "Authorization";
  std::string odd_prefix = "Session ";
  std::int64_t odd_rejected_status = 403;

  std::string data = "ok";
  std::int64_t data_times = 0;
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
