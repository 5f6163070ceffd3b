#include "tests/simulator/vspc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view base = "/api/v3";
constexpr std::string_view oldest_login = "/tokens/asymmetricalgorithm";
constexpr std::string_view user_id = "6c1f4a5e-0b8f-4f6f-9d53-0d1c2ad1f001";
constexpr std::uint64_t companies = 250;

constexpr std::array<std::string_view, 5> login_paths = {
    "/token", "/authentication/asymmetricalgorithm", oldest_login,
    "/authentication/usernamepassword", "/authentication/refresh"};

std::string id_of(std::uint64_t number) {
  return fmt::format("5a1e0c4b-3f0e-4c80-8f0d-{:012}", number);
}

// The paging of VSPC: limit (at most 500) and offset.
Answer show_companies(const Target& target) {
  const std::uint64_t first = std::min(target.number("offset", 0), companies);
  const std::uint64_t count =
      std::min({target.number("limit", 100), std::uint64_t{500}, companies - first});
  std::string list;
  for (std::uint64_t i = first; i < first + count; ++i) {
    list += fmt::format(R"({}{{"instanceUid":"{}","name":"Company {}","type":"Company"}})",
                        list.empty() ? "" : ",", id_of(i), i);
  }
  return json_answer(200, fmt::format(R"({{"meta":{{"pagingInfo":{{"total":{},"count":{},)"
                                      R"("offset":{}}}}},"data":[{}]}})",
                                      companies, count, first, list));
}

}  // namespace

std::optional<std::string_view> Vspc::rest_of(std::string_view path) const {
  if (path == oldest_login) return path;
  return rest_after(base, path);
}

Api::Part Vspc::part_of(const RequestHead&, std::string_view rest) const {
  const bool is_login =
      std::find(login_paths.begin(), login_paths.end(), rest) != login_paths.end();
  return is_login ? Part::login : Part::data;
}

bool Vspc::admits(const RequestHead& head, Time now) const {
  const auto token = credentials_of(head.field("Authorization"), "Bearer");
  if (!token) return false;
  const bool is_key = !options_.api_key.empty() && *token == options_.api_key;
  return is_key || account_.is_live_token(*token, now);
}

std::optional<Answer> Vspc::show(const Visit& visit) {
  const std::string& method = visit.request.head.method;
  const bool reads = method == "GET" || method == "HEAD";
  if (visit.rest == "/organizations/companies" && method == "POST") return add_company(visit);
  if (visit.rest.starts_with("/organizations") && reads) return show_companies(visit.target);
  if (visit.rest == "/users/me" && reads) {
    return json_answer(200, fmt::format(R"({{"data":{{"instanceUid":"{}","userName":{}}}}})",
                                        user_id, quoted(options_.username)));
  }
  if (visit.rest.starts_with("/asyncactions/") && reads) {
    return json_answer(200, fmt::format(R"({{"data":{{"actionUid":{},"status":"succeed"}}}})",
                                        quoted(visit.rest.substr(visit.rest.rfind('/') + 1))));
  }
  if (visit.rest.starts_with("/users/") && visit.rest.ends_with("/tokens") && method == "DELETE") {
    account_.end_sessions();
    forget_grants();
    return Answer{.status = 204};
  }
  return std::nullopt;
}

// With an X-Request-id that came before, the action is that of the first time.
Answer Vspc::add_company(const Visit& visit) {
  const std::string* request_id = visit.request.head.field("X-Request-id");
  const std::string next = id_of(companies + companies_.size());
  const std::string action =
      companies_.emplace(request_id == nullptr ? next : *request_id, next).first->second;
  const std::string* host = visit.request.head.field("Host");
  Answer answer = json_answer(202, R"({"data":null})");
  answer.fields.push_back(
      {"Location", fmt::format("{}://{}{}/asyncActions/{}", visit.request.is_tls ? "https" : "http",
                               host == nullptr ? "" : *host, base, action)});
  return answer;
}

Answer Vspc::error(int status, std::string_view text) const {
  const std::string_view type = status == 401 || status == 403 ? "security"
                                : status == 429                ? "transport"
                                                               : "logical";
  return json_answer(status, fmt::format(R"({{"errors":[{{"message":{},"type":"{}","code":{}}}]}})",
                                         quoted(text), type, status));
}

Answer Vspc::throttled() const {
  const std::string wait = options_.retry_after.empty()
                               ? std::string()
                               : fmt::format(R"(,"retryAfter":{})", options_.retry_after);
  return json_answer(429,
                     fmt::format(R"({{"errors":[{{"type":"transport","code":429{}}}]}})", wait));
}

void Vspc::forget_grants() {
  refresh_tokens_.clear();
  mfa_tokens_.clear();
  challenges_.clear();
}

void Vspc::reset() {
  Api::reset();
  used_code_steps_.clear();
}

}  // namespace vsaproxy::simulator
