#include "proxy/auth/json.h"

namespace vsaproxy::auth {

bool parse_json(std::string_view text, JsonNumbers numbers, rapidjson::Document& document) {
  constexpr auto flags = rapidjson::kParseIterativeFlag;
  // The parser takes a NUL for the end and would not look at what follows.
  if (text.empty() || text.find('\0') != std::string_view::npos) return false;
  if (numbers == JsonNumbers::as_text) {
    document.Parse<flags | rapidjson::kParseNumbersAsStringsFlag>(text.data(), text.size());
  } else {
    document.Parse<flags>(text.data(), text.size());
  }
  return !document.HasParseError();
}

bool parse_json_object(std::string_view text, JsonNumbers numbers, rapidjson::Document& document) {
  return parse_json(text, numbers, document) && document.IsObject();
}

const rapidjson::Value* find_member(const rapidjson::Value& object, std::string_view key) {
  const rapidjson::Value name(
      rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size())));
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

std::string_view text_member(const rapidjson::Value& object, std::string_view key) {
  const rapidjson::Value* value = find_member(object, key);
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}

}  // namespace vsaproxy::auth
