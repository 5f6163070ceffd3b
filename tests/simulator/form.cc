#include "tests/simulator/form.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <utility>

#include "tests/simulator/target.h"

namespace vsaproxy::simulator {
namespace {

bool add(Form& form, std::string name, std::string value) {
  return form.emplace(std::move(name), std::move(value)).second;
}

std::optional<Form> parse_url_encoded(std::string_view body) {
  Form form;
  for (Field& pair : parse_pairs(body)) {
    if (!add(form, std::move(pair.name), std::move(pair.value))) return std::nullopt;
  }
  return form;
}

std::optional<Form> parse_json(std::string_view body) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  Form form;
  for (const auto& member : std::as_const(document).GetObject()) {
    if (!member.value.IsString()) return std::nullopt;
    if (!add(form, member.name.GetString(),
             {member.value.GetString(), member.value.GetStringLength()})) {
      return std::nullopt;
    }
  }
  return form;
}

// Of a parameter such as boundary=X or name="X"; empty: there is none.
std::string parameter(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view value = text.substr(at + name.size());
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find('"')));
  }
  return std::string(value.substr(0, value.find_first_of("; \r")));
}

std::optional<Form> parse_multipart(std::string_view body, std::string_view type) {
  const std::string boundary = parameter(type, "boundary=");
  if (boundary.empty()) return std::nullopt;
  const std::string text = "\r\n" + std::string(body);
  const std::string mark = "\r\n--" + boundary;
  Form form;
  for (auto at = text.find(mark); at != std::string::npos;) {
    const auto begin = at + mark.size();
    if (text.compare(begin, 2, "--") == 0) return form;
    const auto next = text.find(mark, begin);
    const auto head_end = text.find("\r\n\r\n", begin);
    if (next == std::string::npos || head_end > next) return std::nullopt;
    const std::string name =
        parameter(std::string_view(text).substr(begin, head_end - begin), " name=");
    if (!add(form, name, text.substr(head_end + 4, next - head_end - 4))) return std::nullopt;
    at = next;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Form> parse_form(const Request& request) {
  const std::string* type = request.head.field("Content-Type");
  if (type == nullptr) return std::nullopt;
  const std::string kind = lower_case(type->substr(0, type->find_first_of("; ")));
  if (kind == "application/x-www-form-urlencoded") return parse_url_encoded(request.body);
  if (kind == "application/json") return parse_json(request.body);
  if (kind == "multipart/form-data") return parse_multipart(request.body, *type);
  return std::nullopt;
}

std::string_view value_of(const Form& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace vsaproxy::simulator
