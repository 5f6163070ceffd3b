#include "tests/simulator/oauth2.h"

#include <fmt/format.h>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {

std::optional<std::string_view> OAuth2::rest_of(std::string_view path) const {
  if (path == "/oauth2/token") return path;
  return rest_after("/tickets", path);
}

Api::Part OAuth2::part_of(const RequestHead&, std::string_view rest) const {
  return rest == "/oauth2/token" ? Part::login : Part::data;
}

bool OAuth2::admits(const RequestHead& head, Time now) const {
  return account_.is_live(head.field("Authorization"), now);
}

// A client proves itself in one way, never in two (RFC 6749, 2.3).
Answer OAuth2::log_in(const Visit& visit) {
  const RequestHead& head = visit.request.head;
  if (head.method != "POST") return error(405, "Method Not Allowed");
  const auto form = parse_form(visit.request);
  if (!form || !head.field("Content-Type")->starts_with("application/x-www-form-urlencoded")) {
    return refuse(400, "invalid_request");
  }
  const bool in_head = head.field("Authorization") != nullptr;
  if (in_head && form->contains("client_secret")) return refuse(400, "invalid_request");
  if (!is_right_client(head, *form)) {
    admit(LoginResult::rejected, visit.now);
    Answer answer = refuse(in_head ? 401 : 400, "invalid_client");
    if (in_head) answer.fields.push_back({"WWW-Authenticate", "Basic realm=\"tokens\""});
    return answer;
  }
  return grant(*form, visit.now);
}

bool OAuth2::is_right_client(const RequestHead& head, const Form& form) const {
  if (const auto coded = credentials_of(head.field("Authorization"), "Basic")) {
    const std::string pair = base64_decode(*coded).value_or("");
    const auto colon = pair.find(':');
    if (options_.client_auth == "body" || colon == std::string::npos) return false;
    // Both halves are coded as in a form (RFC 6749, 2.3.1).
    const auto decoded = parse_pairs(pair.substr(0, colon) + "=" + pair.substr(colon + 1));
    return decoded.size() == 1 && decoded[0].name == options_.client_id &&
           decoded[0].value == options_.client_secret;
  }
  return options_.client_auth != "basic" && value_of(form, "client_id") == options_.client_id &&
         value_of(form, "client_secret") == options_.client_secret;
}

Answer OAuth2::grant(const Form& form, Time now) {
  const std::string_view type = value_of(form, "grant_type");
  if (type == "refresh_token") return refresh(form, now);
  if (type != "client_credentials" && type != "password") {
    return refuse(400, "unsupported_grant_type");
  }
  const bool is_right =
      type == "client_credentials" || (value_of(form, "username") == options_.username &&
                                       value_of(form, "password") == options_.password);
  const auto login = admit(is_right ? LoginResult::ok : LoginResult::rejected, now);
  return login.result == LoginResult::ok ? give_token(login.token, form, now)
                                         : refuse(400, "invalid_grant");
}

Answer OAuth2::refresh(const Form& form, Time now) {
  const auto found = refresh_tokens_.find(value_of(form, "refresh_token"));
  const bool is_live = found != refresh_tokens_.end() && now < found->second;
  if (found != refresh_tokens_.end()) refresh_tokens_.erase(found);
  if (!is_live) {
    ++counters_.logins.rejected;
    return refuse(400, "invalid_grant");
  }
  ++counters_.logins.ok;
  return give_token(account_.open_session(now), form, now);
}

Answer OAuth2::give_token(const std::string& access, const Form& form, Time now) {
  std::string members = fmt::format(R"("access_token":"{}","token_type":"Bearer")", access);
  if (options_.states_expiry) {
    members += fmt::format(R"(,"expires_in":{})", stated_lifetime());
  }
  if (options_.gives_refresh) {
    const std::string token = make_base64_token();
    const std::chrono::duration<double> lifetime(options_.refresh_lifetime);
    refresh_tokens_[token] = now + std::chrono::duration_cast<Time::duration>(lifetime);
    account_.note_issued(token);
    members += fmt::format(R"(,"refresh_token":"{}")", token);
  }
  if (form.contains("scope")) {
    members += fmt::format(R"(,"scope":{})", quoted(value_of(form, "scope")));
  }
  Answer answer = json_answer(200, "{" + members + "}");
  answer.fields.push_back({"Cache-Control", "no-store"});
  return answer;
}

Answer OAuth2::tokenless() const { return json_answer(200, R"({"token_type":"Bearer"})"); }

std::optional<Answer> OAuth2::show(const Visit& visit) {
  if (!visit.rest.empty()) return std::nullopt;
  return json_answer(200, R"({"tickets":[{"id":1,"title":"first"},{"id":2,"title":"second"}]})");
}

Answer OAuth2::error(int status, std::string_view text) const {
  Answer answer = json_answer(status, fmt::format(R"({{"message":{}}})", quoted(text)));
  if (status == 401) {
    answer.fields.push_back({"WWW-Authenticate", "Bearer error=\"invalid_token\""});
  }
  return answer;
}

Answer OAuth2::refuse(int status, std::string_view name) const {
  return json_answer(status, fmt::format(R"({{"error":"{}"}})", name));
}

}  // namespace vsaproxy::simulator
