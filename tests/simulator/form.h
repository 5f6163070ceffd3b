#pragma once
// Bodies of login calls as named texts: forms, multipart forms and flat JSON objects. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

using Form = std::map<std::string, std::string, std::less<>>;

// Read as the Content-Type says: application/x-www-form-urlencoded, multipart/form-data (RFC 7578,
// no nested parts) or application/json (an object of texts). Empty: another type, a broken body or
// a name that comes twice.
std::optional<Form> parse_form(const Request& request);

// The value of that name; empty: there is none.
std::string_view value_of(const Form& form, std::string_view name);

}  // namespace vsaproxy::simulator
