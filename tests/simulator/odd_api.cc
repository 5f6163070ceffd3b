#include "tests/simulator/odd_api.h"

#include <fmt/format.h>

#include "tests/simulator/form.h"

namespace vsaproxy::simulator {

std::optional<std::string_view> OddApi::rest_of(std::string_view path) const {
  if (path == "/session") return path;
  return rest_after("/things", path);
}

Api::Part OddApi::part_of(const RequestHead&, std::string_view rest) const {
  return rest == "/session" ? Part::login : Part::data;
}

bool OddApi::admits(const RequestHead& head, Time now) const {
  const std::string* value = head.field(options_.odd_field);
  if (value == nullptr || !value->starts_with(options_.odd_prefix)) return false;
  return account_.is_live_token(std::string_view(*value).substr(options_.odd_prefix.size()), now);
}

Answer OddApi::log_in(const Visit& visit) {
  if (visit.request.head.method != "POST") return error(405, "Method Not Allowed");
  const auto form = parse_form(visit.request);
  if (!form) return error(415, "JSON or a form is wanted");
  const Form right = {{"user", options_.username}, {"pass", options_.password}};
  const auto login = admit(*form == right ? LoginResult::ok : LoginResult::rejected, visit.now);
  if (login.result != LoginResult::ok) {
    return error(static_cast<int>(options_.odd_rejected_status), "no");
  }
  if (options_.odd_token == "header") {
    Answer answer = json_answer(201, "{}");
    answer.fields.push_back({"X-Session", login.token});
    return answer;
  }
  const std::int64_t lifetime = stated_lifetime();
  const std::int64_t end = clock() + lifetime;
  const std::string expiry =
      options_.odd_expiry == "seconds"   ? fmt::format(R"(,"expiresIn":{})", lifetime)
      : options_.odd_expiry == "unix"    ? fmt::format(R"(,"expiresAt":{})", end)
      : options_.odd_expiry == "rfc3339" ? fmt::format(R"(,"expiresAt":{})", quoted(utc_text(end)))
                                         : std::string();
  return json_answer(200, fmt::format(R"({{"data":{{"token":"{}"{}}}}})", login.token, expiry));
}

Answer OddApi::tokenless() const { return json_answer(200, R"({"data":{}})"); }

std::optional<Answer> OddApi::show(const Visit& visit) {
  if (!visit.rest.empty()) return std::nullopt;
  return json_answer(200, R"({"things":["one","two"]})");
}

Answer OddApi::error(int status, std::string_view text) const {
  return json_answer(status, fmt::format(R"({{"oops":{}}})", quoted(text)));
}

}  // namespace vsaproxy::simulator
