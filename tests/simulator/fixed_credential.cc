#include "tests/simulator/fixed_credential.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {

bool FixedCredential::admits(const RequestHead& head, Time) const {
  const Field wanted = expected();
  const auto bring = std::count_if(head.fields.begin(), head.fields.end(), [&](const Field& field) {
    return equals_ignoring_case(field.name, wanted.name);
  });
  const std::string* value = head.field(wanted.name);
  return bring == 1 && *value == wanted.value;
}

std::optional<Answer> FixedCredential::show(const Visit& visit) {
  if (!visit.rest.empty()) return std::nullopt;
  return json_answer(200, R"({"items":[{"id":1},{"id":2}]})");
}

Answer FixedCredential::error(int status, std::string_view text) const {
  return json_answer(status, fmt::format(R"({{"message":{}}})", quoted(text)));
}

std::optional<std::string_view> Vsa10::rest_of(std::string_view path) const {
  return rest_after("/api/v3/assets", path);
}

// Paged as OData asks for it, by $top (at most 100) and $skip.
std::optional<Answer> Vsa10::show(const Visit& visit) {
  if (!visit.rest.empty()) return std::nullopt;
  const auto total = static_cast<std::uint64_t>(options_.agents);
  const std::uint64_t first = std::min(visit.target.number("$skip", 0), total);
  const std::uint64_t count =
      std::min({visit.target.number("$top", 100), std::uint64_t{100}, total - first});
  std::string list;
  for (std::uint64_t i = first; i < first + count; ++i) {
    list += fmt::format(R"({}{{"Identifier":"0b5b3a4e-6f5d-4a52-9d0a-{:012}","Name":"pc{}",)"
                        R"("GroupName":"root","IsOnline":true}})",
                        list.empty() ? "" : ",", i, i);
  }
  return json_answer(
      200,
      fmt::format(R"({{"Data":[{}],"Meta":{{"TotalCount":{},"ResponseCode":200}}}})", list, total));
}

Answer Vsa10::error(int status, std::string_view text) const {
  return json_answer(
      status, fmt::format(R"({{"Error":{{"Code":{},"Message":{}}}}})", status, quoted(text)));
}

Field Vsa10::expected() const {
  return {"Authorization",
          "Basic " + base64_encode(options_.token_id + ":" + options_.token_secret)};
}

std::optional<std::string_view> BasicApi::rest_of(std::string_view path) const {
  return rest_after("/basic", path);
}

Field BasicApi::expected() const {
  return {"Authorization", "Basic " + base64_encode(options_.username + ":" + options_.password)};
}

std::optional<std::string_view> KeyedApi::rest_of(std::string_view path) const {
  return rest_after("/keyed", path);
}

Field KeyedApi::expected() const { return {"X-Api-Key", options_.api_key}; }

}  // namespace vsaproxy::simulator
