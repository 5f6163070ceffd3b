#include "tests/simulator/options.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

namespace vsaproxy::simulator {
namespace {

constexpr auto table = std::to_array<OptionEntry>({
    {"username", &Options::username,
     "account that may log in; DOMAIN\\name, DOMAIN/name and "
     "name@domain are domain accounts"},
    {"token", &Options::token, "its personal access token; empty: none is accepted"},
    {"password", &Options::password, "its password; empty: none is accepted"},
    {"two_factor", &Options::two_factor,
     "text that a password login must carry as twofapass; empty: not looked at"},
    {"encoding", &Options::encoding, "bytes in which name and password are expected",
     "utf-8|latin-1|ascii"},
    {"base", &Options::base, "path of the API; any case is accepted"},
    {"totp", &Options::totp,
     "VSPC: base32 seed of the codes that a password login must be followed by; empty: none"},
    {"public_key", &Options::public_key,
     "VSPC: RSAKeyValue XML of the key that may log in; the default is the vendor's sample key"},
    {"key_grant", &Options::key_grant, "VSPC: grant_type that a key logs in with",
     "both|public_key|private_key"},
    {"challenge", &Options::challenge, "VSPC: plain text of the challenge for a key",
     "text|binary"},
    {"challenge_seconds", &Options::challenge_seconds, "VSPC: seconds to answer it"},
    {"api_key", &Options::api_key, "VSPC, as Bearer, and /keyed, as X-Api-Key"},
    {"token_id", &Options::token_id, "VSA 10: the token"},
    {"token_secret", &Options::token_secret, "VSA 10: its secret"},
    {"client_id", &Options::client_id, "OAuth 2: the client"},
    {"client_secret", &Options::client_secret, "OAuth 2: its secret"},
    {"client_auth", &Options::client_auth, "OAuth 2: where the client's secret is looked for",
     "either|basic|body"},
    {"session_lifetime", &Options::session_lifetime, "seconds until a session ends"},
    {"refresh_lifetime", &Options::refresh_lifetime,
     "VSPC, OAuth 2: seconds until a refresh token ends"},
    {"gives_refresh", &Options::gives_refresh,
     "OAuth 2: refresh tokens, too; VSPC always gives them"},
    {"one_session", &Options::one_session, "a login ends the account's older sessions"},
    {"states_expiry", &Options::states_expiry,
     "login answers have SessionExpiration and OffSetInMinutes (servers of 2016 had not)"},
    {"stated_lifetime", &Options::stated_lifetime,
     "seconds that SessionExpiration claims; negative: the truth"},
    {"expiry_text", &Options::expiry_text, "text sent as SessionExpiration instead of a time"},
    {"clock_skew", &Options::clock_skew,
     "seconds by which the server's clock is ahead, in Date and SessionExpiration"},
    {"token_field", &Options::token_field, "where a login answer has its session token",
     "both|token|api-token"},
    {"login", &Options::login, "what a login meets",
     "ok|failing|resetting|closing|hanging|html|"
     "cut-json|empty-token"},
    {"login_times", &Options::login_times,
     "how many logins meet it, then ok again; 0: until changed"},
    {"login_status", &Options::login_status, "HTTP status of a failing login"},
    {"retry_after", &Options::retry_after,
     "Retry-After of a failing login and of 429, with VSPC in its body; empty: none"},
    {"login_delay_ms", &Options::login_delay_ms, "milliseconds before a login's answer"},
    {"rejected_as", &Options::rejected_as, "how a login is rejected", "code-4000002|http-401"},
    {"lockout_after", &Options::lockout_after,
     "consecutive rejected logins that lock the account; 0: never"},
    {"lockout_seconds", &Options::lockout_seconds, "seconds that the lock lasts"},
    {"requires_token", &Options::requires_token, "data calls need a live session token"},
    {"expired", &Options::expired, "how a data call without a live session is refused",
     "http-401|body-401|body-401-after-result"},
    {"expired_framing", &Options::expired_framing, "framing of that answer", "length|chunked"},
    {"expired_coding", &Options::expired_coding, "content coding of that answer",
     "identity|gzip|deflate"},
    {"expired_body_delay_ms", &Options::expired_body_delay_ms,
     "milliseconds between that answer's head and its body"},
    {"refuse_early", &Options::refuse_early,
     "refuse at the request's head, before its body has come"},
    {"odd_token", &Options::odd_token, "odd API: where the login answer has the token",
     "body|header"},
    {"odd_expiry", &Options::odd_expiry, "odd API: what the login answer says of the end",
     "seconds|unix|rfc3339|none"},
    {"odd_field", &Options::odd_field, "odd API: field that brings the token"},
    {"odd_prefix", &Options::odd_prefix, "odd API: what the field has before the token"},
    {"odd_rejected_status", &Options::odd_rejected_status, "odd API: status of a rejected login"},
    {"data", &Options::data,
     "what data calls beside VSA 9's meet after their session was found live: failing is 500, with "
     "VSPC 520; "
     "throttled is 429",
     "ok|failing|throttled"},
    {"data_times", &Options::data_times,
     "how many data calls meet it, then ok again; 0: until changed"},
    {"data_delay_ms", &Options::data_delay_ms, "milliseconds before a data call's answer"},
    {"latency_ms", &Options::latency_ms, "milliseconds before every answer, in addition"},
    {"sends_continue", &Options::sends_continue, "Expect: 100-continue is answered"},
    {"drop_reused", &Options::drop_reused,
     "how many of the next requests on reused connections are dropped unanswered"},
    {"idle_timeout_ms", &Options::idle_timeout_ms,
     "milliseconds until an idle connection is closed; 0: never"},
    {"agents", &Options::agents, "how many agents /assetmgmt/agents and GetMachineList list"},
    {"soap_hash", &Options::soap_hash, "hash that a SOAP login must have", "any|sha-256|sha-1"},
    {"app_session_id", &Options::app_session_id,
     "AppSessionID that logs in by AuthenticateWithAppSessionID; 0: none does"},
    {"soap_login_error", &Options::soap_login_error,
     "ErrorMessage of every SOAP login, right or wrong; empty: only of wrong ones, in the vendor's "
     "words"},
    {"soap_expired", &Options::soap_expired, "how a SOAP call without a live session is refused",
     "session-zero|message|zero|fault|http-401"},
    {"soap_expired_text", &Options::soap_expired_text,
     "ErrorMessage, or text of the Fault, of that refusal"},
    {"soap_coding", &Options::soap_coding,
     "content coding of SOAP answers to a client that accepts it", "identity|gzip|deflate"},
    {"session_slides", &Options::session_slides,
     "a SOAP call lets its session last a whole lifetime from then on"},
});

bool may_be_negative(const OptionEntry& entry) {
  return entry.name == "stated_lifetime" || entry.name == "clock_skew";
}

// One member of the JSON object into one member of the options; false if it does not fit.
bool assign(const OptionEntry& entry, const rapidjson::Value& value, Options& options) {
  return std::visit(
      [&](auto member) {
        using T = std::remove_reference_t<decltype(options.*member)>;
        if constexpr (std::is_same_v<T, std::string>) {
          if (!value.IsString()) return false;
          options.*member = {value.GetString(), value.GetStringLength()};
          return is_choice(entry, options.*member);
        } else if constexpr (std::is_same_v<T, bool>) {
          if (!value.IsBool()) return false;
          options.*member = value.GetBool();
          return true;
        } else if constexpr (std::is_same_v<T, double>) {
          if (!value.IsNumber()) return false;
          options.*member = value.GetDouble();
          return options.*member >= 0 || may_be_negative(entry);
        } else {
          if (!value.IsInt64()) return false;
          options.*member = value.GetInt64();
          return options.*member >= 0;
        }
      },
      entry.member);
}

}  // namespace

std::span<const OptionEntry> option_table() { return table; }

bool is_choice(const OptionEntry& entry, std::string_view text) {
  if (entry.choices.empty()) return true;
  std::string_view rest = entry.choices;
  while (true) {
    const auto bar = rest.find('|');
    if (rest.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) return false;
    rest.remove_prefix(bar + 1);
  }
}

tl::expected<Options, std::string> with_changes(const Options& options, std::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) {
    return tl::unexpected<std::string>("the body is not a JSON object");
  }
  Options changed = options;
  for (const auto& member : std::as_const(document).GetObject()) {
    const std::string_view name{member.name.GetString(), member.name.GetStringLength()};
    const OptionEntry* found = nullptr;
    for (const OptionEntry& entry : table) {
      if (entry.name == name) found = &entry;
    }
    if (found == nullptr) return tl::unexpected("there is no option " + std::string(name));
    if (!assign(*found, member.value, changed)) {
      return tl::unexpected("the value of " + std::string(name) + " does not fit");
    }
  }
  return changed;
}

std::string to_json(const Options& options) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  for (const OptionEntry& entry : table) {
    writer.Key(entry.name.data(), static_cast<rapidjson::SizeType>(entry.name.size()));
    std::visit(
        [&](auto member) {
          const auto& value = options.*member;
          using T = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::string>) {
            writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
          } else if constexpr (std::is_same_v<T, bool>) {
            writer.Bool(value);
          } else if constexpr (std::is_same_v<T, double>) {
            writer.Double(value);
          } else {
            writer.Int64(value);
          }
        },
        entry.member);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace vsaproxy::simulator
