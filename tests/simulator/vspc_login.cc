#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/simulator/challenge.h"
#include "tests/simulator/digest.h"
#include "tests/simulator/vspc.h"

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view wrong_login =
    "Cannot complete login due to incorrect username or password, or no sufficient rights.";

// Those of the vendor's schema; anything else is a spelling mistake.
constexpr std::array<std::string_view, 10> field_names = {
    "grant_type", "username",   "password", "refresh_token", "mfa_token",
    "mfa_code",   "public_key", "code",     "userUid",       "readOnly"};

Time after(Time now, double seconds) {
  return now + std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Answer Vspc::log_in(const Visit& visit) {
  const std::string& method = visit.request.head.method;
  if (visit.rest != "/token") return use_older_call(visit);
  if (method != "POST") return error(405, "Method Not Allowed");
  const auto form = parse_form(visit.request);
  if (!form) return refuse_form("invalid_request", "the form cannot be read", Dialect::oauth);
  for (const auto& [name, value] : *form) {
    if (std::find(field_names.begin(), field_names.end(), name) == field_names.end()) {
      return refuse_form("invalid_request", "there is no field " + name, Dialect::oauth);
    }
  }
  return grant(*form, visit.now);
}

Answer Vspc::grant(const Form& form, Time now) {
  const std::string_view type = value_of(form, "grant_type");
  if (type == "password") return grant_password(form, now, Dialect::oauth);
  if (type == "mfa") return grant_code(form, now);
  if (type == "refresh_token" || type == "as") {
    if (type == "as" && value_of(form, "userUid").empty()) {
      return refuse_form("invalid_request", "userUid is missing", Dialect::oauth);
    }
    return grant_refresh(value_of(form, "refresh_token"), now, Dialect::oauth);
  }
  if ((type == "public_key" || type == "private_key") &&
      (options_.key_grant == "both" || options_.key_grant == type)) {
    const auto xml = base64_decode(value_of(form, "public_key"));
    return challenge_key(xml.value_or(""), now, Dialect::oauth);
  }
  if (type == "authorization_code") {
    return accept_challenge(value_of(form, "code"), now, Dialect::oauth);
  }
  return refuse_form("unsupported_grant_type", "there is no such grant_type", Dialect::oauth);
}

Answer Vspc::grant_password(const Form& form, Time now, Dialect dialect) {
  const std::string_view name = value_of(form, "username");
  const std::string_view password = value_of(form, "password");
  if (name.empty() || password.empty()) {
    return refuse_form("invalid_request", "username or password is missing", dialect);
  }
  const bool is_right =
      !options_.password.empty() && name == options_.username && password == options_.password;
  if (!is_right) return finish(LoginResult::rejected, now, dialect);
  if (options_.totp.empty() || account_.is_locked(now)) {
    return finish(LoginResult::ok, now, dialect);
  }
  const std::string token = make_once(mfa_tokens_, 300, now);
  return json_answer(
      200, dialect == Dialect::oauth
               ? fmt::format(R"({{"access_token":null,"token_type":null,"refresh_token":null,)"
                             R"("mfa_token":"{}","encrypted_code":null,"expires_in":300}})",
                             token)
               : fmt::format(R"({{"data":[{{"accessToken":null,"refreshToken":null,)"
                             R"("mfaToken":"{}","expirationTime":null}}]}})",
                             token));
}

Answer Vspc::grant_code(const Form& form, Time now) {
  if (!take_once(mfa_tokens_, value_of(form, "mfa_token"), now)) {
    return refuse_form("invalid_grant", "the mfa_token is unknown or spent", Dialect::oauth);
  }
  const auto step = options_.totp.empty()
                        ? std::nullopt
                        : step_of_code(options_.totp, value_of(form, "mfa_code"), clock());
  const bool is_right = step && used_code_steps_.insert(*step).second;
  return finish(is_right ? LoginResult::ok : LoginResult::rejected, now, Dialect::oauth);
}

// Not counted for the lock: a refresh token can't be guessed.
Answer Vspc::grant_refresh(std::string_view token, Time now, Dialect dialect) {
  if (token.empty()) return refuse_form("invalid_request", "the token is missing", dialect);
  if (!take_once(refresh_tokens_, token, now)) {
    ++counters_.logins.rejected;
    return refuse_form("invalid_grant", "the refresh token is unknown or spent", dialect);
  }
  ++counters_.logins.ok;
  return give_tokens(account_.open_session(now), now, dialect);
}

Answer Vspc::challenge_key(std::string_view xml, Time now, Dialect dialect) {
  const auto identity = identity_of_key(xml);
  if (!identity) return refuse_form("invalid_request", "that is no public key", dialect);
  if (identity != identity_of_key(options_.public_key) || account_.is_locked(now)) {
    return finish(LoginResult::rejected, now, dialect);
  }
  std::string plain = options_.challenge == "text" ? make_base64_token() : random_bytes(32);
  if (options_.challenge == "binary") plain[0] = '\xff';
  const auto coded = encrypt_for_key(xml, plain);
  if (!coded) return refuse_form("invalid_request", "the key cannot be used", dialect);
  challenges_[plain] = after(now, options_.challenge_seconds);
  account_.note_issued(options_.challenge == "text" ? plain : base64_encode(plain));
  const std::string text = base64_encode(*coded);
  if (dialect == Dialect::oauth) {
    return json_answer(200, fmt::format(R"({{"access_token":null,"token_type":null,)"
                                        R"("refresh_token":null,"mfa_token":null,)"
                                        R"("encrypted_code":"{}","expires_in":{}}})",
                                        text, options_.challenge_seconds));
  }
  return json_answer(200, fmt::format(R"({{"data":{{"challenge":"{}","expirationTime":"{}"}}}})",
                                      text, utc_text(clock() + 30)));
}

// A challenge that is no text comes back in base64, or as it is from the older calls.
Answer Vspc::accept_challenge(std::string_view plain, Time now, Dialect dialect) {
  if (plain.empty()) return refuse_form("invalid_request", "the code is missing", dialect);
  const bool is_coded = dialect == Dialect::oauth && options_.challenge == "binary";
  const std::string text =
      is_coded ? base64_decode(plain).value_or(std::string()) : std::string(plain);
  const bool is_right = take_once(challenges_, text, now);
  return finish(is_right ? LoginResult::ok : LoginResult::rejected, now, dialect);
}

Answer Vspc::use_older_call(const Visit& visit) {
  const std::string& method = visit.request.head.method;
  const std::string& body = visit.request.body;
  if (visit.rest.ends_with("/asymmetricalgorithm")) {
    const auto dialect = visit.rest.starts_with("/tokens") ? Dialect::bare : Dialect::single;
    if (method == "POST") return challenge_key(body, visit.now, dialect);
    if (method == "PATCH") return accept_challenge(body, visit.now, dialect);
    return error(405, "Method Not Allowed");
  }
  const auto form = parse_form(visit.request);
  if (method != "POST" || !form) return error(400, "a form in a POST is wanted");
  return visit.rest == "/authentication/refresh"
             ? grant_refresh(value_of(*form, "refreshToken"), visit.now, Dialect::listed)
             : grant_password(*form, visit.now, Dialect::listed);
}

Answer Vspc::finish(LoginResult result, Time now, Dialect dialect) {
  const auto login = admit(result, now);
  return login.result == LoginResult::ok ? give_tokens(login.token, now, dialect)
                                         : refuse_login(dialect);
}

Answer Vspc::give_tokens(const std::string& access, Time now, Dialect dialect) {
  if (options_.one_session) refresh_tokens_.clear();
  const std::string refresh = make_once(refresh_tokens_, options_.refresh_lifetime, now);
  if (dialect == Dialect::oauth) {
    return json_answer(
        200,
        fmt::format(R"({{"access_token":"{}","token_type":"bearer","refresh_token":"{}",)"
                    R"("mfa_token":null,"encrypted_code":null{}}})",
                    access, refresh,
                    options_.states_expiry ? fmt::format(R"(,"expires_in":{})", stated_lifetime())
                                           : std::string()));
  }
  if (dialect == Dialect::bare) {
    return json_answer(200, fmt::format(R"({{"data":{{"token":"{}"}}}})", access));
  }
  const std::string end = utc_text(clock() + stated_lifetime());
  const std::string data = fmt::format(
      R"({{"accessToken":"{}","refreshToken":"{}","mfaToken":null{}}})", access, refresh,
      options_.states_expiry ? fmt::format(R"(,"expirationTime":"{}")", end) : std::string());
  return json_answer(
      200, dialect == Dialect::listed ? R"({"data":[)" + data + "]}" : R"({"data":)" + data + "}");
}

Answer Vspc::refuse_login(Dialect dialect) const {
  if (options_.rejected_as == "http-401") return error(401, wrong_login);
  return refuse_form("invalid_request", wrong_login, dialect);
}

Answer Vspc::refuse_form(std::string_view name, std::string_view text, Dialect dialect) const {
  if (dialect != Dialect::oauth) return error(400, text);
  return json_answer(400, fmt::format(R"({{"error":"{}","error_description":{},"error_uri":null}})",
                                      name, quoted(text)));
}

Answer Vspc::tokenless() const {
  return json_answer(200, R"({"access_token":null,"token_type":null,"refresh_token":null,)"
                          R"("mfa_token":null,"encrypted_code":null,"expires_in":0})");
}

std::string Vspc::make_once(Once& texts, double seconds, Time now) {
  std::erase_if(texts, [now](const auto& entry) { return entry.second <= now; });
  std::string text = make_base64_token();
  texts[text] = after(now, seconds);
  account_.note_issued(text);
  return text;
}

bool Vspc::take_once(Once& texts, std::string_view text, Time now) {
  const auto found = texts.find(text);
  if (found == texts.end()) return false;
  const bool is_live = now < found->second;
  texts.erase(found);
  return is_live;
}

}  // namespace vsaproxy::simulator
