#include "tests/simulator/account.h"

#include <algorithm>
#include <map>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t max_issued = 1000;

// UTF-8 into the encoding that the server expects; characters it has not become "?".
std::string encoded(std::string_view text, std::string_view encoding) {
  if (encoding == "utf-8") return std::string(text);
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
      continue;
    }
    const bool is_latin = (byte == 0xc2 || byte == 0xc3) && i + 1 < text.size();
    while (i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xc0U) == 0x80) ++i;
    const auto low = static_cast<unsigned char>(text[i]) & 0x3fU;
    bytes += is_latin && encoding == "latin-1" ? static_cast<char>((byte & 3U) << 6U | low) : '?';
  }
  return bytes;
}

std::string domain_form(const std::string& name) {
  if (const auto at = name.find('@'); at != std::string::npos) {
    return name.substr(at + 1) + "/" + name.substr(0, at);
  }
  std::string form = name;
  std::replace(form.begin(), form.end(), '\\', '/');
  return form;
}

Fields parse_payload(std::string_view payload) {
  Fields fields;
  while (!payload.empty()) {
    const std::string_view item = payload.substr(0, payload.find(','));
    payload.remove_prefix(std::min(payload.size(), item.size() + 1));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    fields.emplace(item.substr(0, equals), item.substr(equals + 1));
  }
  return fields;
}

bool has(const Fields& fields, std::string_view name, std::string_view value) {
  const auto found = fields.find(name);
  return found != fields.end() && found->second == value;
}

bool is_right_password(const Options& options, const Fields& fields) {
  const std::string name = encoded(options.username, options.encoding);
  const std::string password = encoded(options.password, options.encoding);
  const auto random = fields.find("rand2");
  if (password.empty() || random == fields.end() || random->second.empty()) return false;
  const auto cover256 = [&](const std::string& user) {
    return sha256_hex(sha256_hex(password + user) + random->second);
  };
  const auto cover1 = [&](const std::string& user) {
    return sha1_hex(sha1_hex(password + user) + random->second);
  };
  const std::string hashed_name = domain_form(name);
  const bool is_web = has(fields, "rpass2", cover256(name)) && has(fields, "rpass1", cover1(name));
  const bool is_documented =
      has(fields, "rpass2", sha256_hex(password)) && has(fields, "rpass1", sha1_hex(password));
  const bool has_factor =
      options.two_factor.empty() || has(fields, "twofapass", options.two_factor);
  return has(fields, "user", name) && has(fields, "pass2", cover256(hashed_name)) &&
         has(fields, "pass1", cover1(hashed_name)) && (is_web || is_documented) && has_factor;
}

}  // namespace

std::optional<std::string_view> credentials_of(const std::string* field, std::string_view scheme) {
  if (field == nullptr || field->size() <= scheme.size()) return std::nullopt;
  const std::string_view text = *field;
  if (!std::equal(scheme.begin(), scheme.end(), text.begin(),
                  [](char a, char b) { return a == b || a + ('a' - 'A') == b; }) ||
      text[scheme.size()] != ' ') {
    return std::nullopt;
  }
  return text.substr(scheme.size() + 1);
}

std::string make_decimal_token() { return random_digits(26); }

std::string make_base64_token() {
  std::string token = base64_encode(random_bytes(24));
  token[5] = '+';
  token[11] = '/';
  return token;
}

LoginResult check_login(const Options& options, const std::string* authorization) {
  if (authorization == nullptr) return LoginResult::no_authorization;
  const auto credentials = credentials_of(authorization, "Basic");
  if (!credentials) return LoginResult::no_user;
  const auto payload = base64_decode(*credentials);
  if (!payload) return LoginResult::no_user;
  if (payload->starts_with("user=") || payload->find(",user=") != std::string::npos) {
    return is_right_password(options, parse_payload(*payload)) ? LoginResult::ok
                                                               : LoginResult::rejected;
  }
  if (payload->find(':') == std::string::npos) return LoginResult::no_user;
  const std::string expected = encoded(options.username, options.encoding) + ":" + options.token;
  return !options.token.empty() && *payload == expected ? LoginResult::ok : LoginResult::rejected;
}

LoginResult check_covered_password(const Options& options, const CoveredLogin& login) {
  const bool is_new = login.algorithm == "SHA-256";
  const bool is_known = is_new || login.algorithm == "SHA-1" || login.algorithm.empty();
  const bool is_allowed =
      options.soap_hash == "any" || options.soap_hash == (is_new ? "sha-256" : "sha-1");
  if (!is_known || !is_allowed || options.password.empty() || login.random.empty() ||
      login.user != options.username) {
    return LoginResult::rejected;
  }
  const auto hash = is_new ? sha256_hex : sha1_hex;
  const std::string text = encoded(options.password, options.encoding) +
                           domain_form(encoded(options.username, options.encoding));
  return login.covered == hash(hash(text) + login.random) ? LoginResult::ok : LoginResult::rejected;
}

Account::Login Account::log_in(const std::string* authorization, Time now) {
  return admit(check_login(options_, authorization), now);
}

Account::Login Account::admit(LoginResult checked, Time now) {
  Login login{.result = checked, .token = {}};
  if (login.result == LoginResult::no_authorization) return login;
  if (is_locked(now)) {
    login.result = LoginResult::locked;
    return login;
  }
  if (login.result != LoginResult::ok) {
    count_rejected(now);
    return login;
  }
  consecutive_rejected_ = 0;
  login.token = open_session(now);
  return login;
}

std::string Account::open_session(Time now) {
  if (options_.one_session) sessions_.clear();
  std::erase_if(sessions_, [now](const auto& session) { return session.second <= now; });
  std::string token = make_token_();
  note_issued(token);
  sessions_.emplace(token, end_of_session(now));
  return token;
}

void Account::note_issued(std::string secret) {
  if (issued_.size() == max_issued) issued_.pop_front();
  issued_.push_back(std::move(secret));
}

bool Account::is_live(const std::string* authorization, Time now) const {
  const auto token = credentials_of(authorization, "Bearer");
  return token && is_live_token(*token, now);
}

bool Account::is_live_token(std::string_view token, Time now) const {
  const auto session = sessions_.find(std::string(token));
  return session != sessions_.end() && now < session->second;
}

void Account::extend(std::string_view token, Time now) {
  if (is_live_token(token, now)) sessions_[std::string(token)] = end_of_session(now);
}

void Account::log_out(const std::string* authorization) {
  if (const auto token = credentials_of(authorization, "Bearer")) {
    sessions_.erase(std::string(*token));
  }
}

void Account::unlock() {
  consecutive_rejected_ = 0;
  locked_until_ = {};
}

std::size_t Account::live_sessions(Time now) const {
  return static_cast<std::size_t>(std::count_if(
      sessions_.begin(), sessions_.end(), [now](const auto& entry) { return now < entry.second; }));
}

Time Account::end_of_session(Time now) const {
  const std::chrono::duration<double> lifetime(options_.session_lifetime);
  return now + std::chrono::duration_cast<Time::duration>(lifetime);
}

void Account::count_rejected(Time now) {
  ++consecutive_rejected_;
  if (options_.lockout_after == 0 || consecutive_rejected_ < options_.lockout_after) return;
  const std::chrono::duration<double> time(options_.lockout_seconds);
  locked_until_ = now + std::chrono::duration_cast<Time::duration>(time);
  consecutive_rejected_ = 0;
}

}  // namespace vsaproxy::simulator
