#pragma once
// Reading JSON that others wrote, with the few questions that login answers and records need. Pure,
// any thread.

#include <string_view>

// RapidJSON 1.1 adds an offset to the null pointer of an empty stack before it allocates one: no
// harm, but Clang's sanitizer ends the process for it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/document.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace vsaproxy::auth {

// How numbers are kept: a VSA id may have 26 digits.
enum class JsonNumbers { as_numbers, as_text };

// False unless the whole text is one JSON value, or object. Depth costs memory, not stack.
bool parse_json(std::string_view text, JsonNumbers numbers, rapidjson::Document& document);
bool parse_json_object(std::string_view text, JsonNumbers numbers, rapidjson::Document& document);

// nullptr if the object has no such member.
const rapidjson::Value* find_member(const rapidjson::Value& object, std::string_view key);

// The member's text, valid as long as the document; empty if there is none or it is no text.
std::string_view text_member(const rapidjson::Value& object, std::string_view key);

}  // namespace vsaproxy::auth
