#pragma once
// How VSA 9 covers a password, for REST and SOAP alike: hashed with the user name, then with a
// random number. Pure, any thread. Whoever has an inner hash, or a covered password with its random
// number, can log in.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/auth/utf8.h"
#include "proxy/base/field.h"

namespace vsaproxy::auth {

enum class PasswordHash { sha_256, sha_1 };

// Without white space at both ends: all that the web page's script trims, as far as it is ASCII.
std::string_view strip(std::string_view text);

// One after the other, in one allocation: growth would leave copies of a secret behind.
std::string joined(std::string_view a, std::string_view b, std::string_view c = {});

// The user name that is hashed with the password: "DOMAIN\user" and "user@domain" become
// "DOMAIN/user" and "domain/user"; all else stays.
std::string hashed_username(std::string_view username);

// pass2 (SHA-256) or pass1 (SHA-1) of REST, CoveredPassword of SOAP. All texts are stripped and in
// the server's encoding. The caller wipes the result.
std::string covered_password(PasswordHash hash, std::string_view password,
                             std::string_view hashed_username, std::string_view random);

// Without a leading zero: the same digits as text and as number.
std::string eight_digits(std::uint32_t random);

// For the fields that both types have.
std::string username_fault(std::string_view value);
inline constexpr std::array<std::string_view, 3> text_encodings = {"utf-8", "latin-1", "ascii"};
inline constexpr base::Field encoding_field = {.key = "encoding",
                                               .type = base::FieldType::choice,
                                               .default_value = "utf-8",
                                               .choices = text_encodings};
TextEncoding text_encoding(std::string_view name);

}  // namespace vsaproxy::auth
