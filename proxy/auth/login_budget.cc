#include "proxy/auth/login_budget.h"

#include "proxy/auth/json.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cstdint>

namespace vsaproxy::auth {
namespace {

using std::chrono::milliseconds;

constexpr int format_version = 1;
constexpr std::int64_t latest_time = 9'000'000'000'000;  // ms: fits the clock's nanoseconds

// Until the attempt no longer counts; nothing if it does not count now.
std::optional<milliseconds> time_left(const LoginAttempt& attempt, const BudgetSettings& budget,
                                      base::WallTime now) {
  const base::WallTime at = std::min(attempt.at, now);
  const auto left = std::chrono::ceil<milliseconds>(at + budget.per - now);
  if (left <= milliseconds(0)) return std::nullopt;
  return left;
}

// What is left of each attempt that counts, the shortest first.
std::vector<milliseconds> times_left(const std::vector<LoginAttempt>& attempts,
                                     const BudgetSettings& budget, base::WallTime now) {
  std::vector<milliseconds> result;
  for (const LoginAttempt& attempt : attempts) {
    if (const auto left = time_left(attempt, budget, now)) result.push_back(*left);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::size_t allowed(const BudgetSettings& budget) {
  return static_cast<std::size_t>(std::max(budget.rejected, 1));
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Empty optional: there is no such member, or it is no text.
std::optional<std::string> read_text(const rapidjson::Value& object, std::string_view key) {
  const rapidjson::Value* value = find_member(object, key);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string(value->GetString(), value->GetStringLength());
}

std::optional<LoginAttempt> read_attempt(const rapidjson::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const rapidjson::Value* at = find_member(value, "at_unix_ms");
  auto id = read_text(value, "id");
  auto salt = read_text(value, "salt");
  auto mark = read_text(value, "fingerprint");
  if (at == nullptr || !at->IsInt64() || !id || !salt || !mark) return std::nullopt;
  const std::int64_t time = at->GetInt64();
  const bool sound = time >= 0 && time <= latest_time && is_hex(*salt) && is_hex(*mark) &&
                     salt->empty() == mark->empty();
  if (!sound) return std::nullopt;
  return LoginAttempt{*std::move(id), base::WallTime(milliseconds(time)), *std::move(salt),
                      *std::move(mark)};
}

tl::unexpected<base::Error> damaged() {
  return base::fail(base::ErrorKind::system, "the record of rejected logins is damaged");
}

}  // namespace

std::optional<base::Error> judge_login(
    const std::vector<LoginAttempt>& attempts,
    const std::function<bool(const LoginAttempt&)>& is_same_secret, const BudgetSettings& budget,
    base::WallTime now) {
  milliseconds wait(0);
  const auto left = times_left(attempts, budget, now);
  const bool spent = left.size() >= allowed(budget);
  if (spent) wait = left[left.size() - allowed(budget)];
  bool same_secret = false;
  for (const LoginAttempt& attempt : attempts) {
    const auto rest = time_left(attempt, budget, now);
    if (!rest || attempt.fingerprint.empty() || !is_same_secret(attempt)) continue;
    same_secret = true;
    wait = std::max(wait, *rest);
  }
  if (same_secret) {
    return base::Error{base::ErrorKind::login_rejected,
                       "the server rejected this very secret a short time ago: correct it, and it "
                       "is tried soon; if the cause was another, vsaproxy unlock NAME lets it try "
                       "again",
                       wait};
  }
  if (!spent) return std::nullopt;
  return base::Error{base::ErrorKind::login_budget_spent,
                     fmt::format("{} logins of this account were rejected or never answered within "
                                 "the time of login_budget: check the account, then vsaproxy "
                                 "unlock NAME",
                                 left.size()),
                     wait};
}

int remaining_logins(const std::vector<LoginAttempt>& attempts, const BudgetSettings& budget,
                     base::WallTime now) {
  const std::size_t used = times_left(attempts, budget, now).size();
  return used >= allowed(budget) ? 0 : static_cast<int>(allowed(budget) - used);
}

std::string write_attempts(std::string_view origin, std::string_view account,
                           const std::vector<LoginAttempt>& attempts) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  const auto text = [&writer](const char* key, std::string_view value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  writer.Key("format");
  writer.Int(format_version);
  text("origin", origin);
  text("account", account);
  writer.Key("attempts");
  writer.StartArray();
  for (const LoginAttempt& attempt : attempts) {
    writer.StartObject();
    text("id", attempt.id);
    writer.Key("at_unix_ms");
    writer.Int64(std::chrono::floor<milliseconds>(attempt.at.time_since_epoch()).count());
    text("salt", attempt.salt);
    text("fingerprint", attempt.fingerprint);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

base::Result<std::vector<LoginAttempt>> read_attempts(std::string_view text) {
  rapidjson::Document document;
  if (!parse_json_object(text, JsonNumbers::as_numbers, document)) return damaged();
  const rapidjson::Value* format = find_member(document, "format");
  if (format == nullptr || !format->IsInt()) return damaged();
  if (format->GetInt() != format_version) {
    return base::fail(base::ErrorKind::system,
                      "the record of rejected logins was written by another version");
  }
  const rapidjson::Value* list = find_member(document, "attempts");
  if (list == nullptr || !list->IsArray()) return damaged();
  std::vector<LoginAttempt> attempts;
  for (const rapidjson::Value& entry : list->GetArray()) {
    auto attempt = read_attempt(entry);
    if (!attempt) return damaged();
    attempts.push_back(*std::move(attempt));
  }
  return attempts;
}

}  // namespace vsaproxy::auth
