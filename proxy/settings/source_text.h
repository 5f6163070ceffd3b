#pragma once
// The characters and lines of a configuration file, before anything is read into them. Pure.

#include <cstddef>
#include <string_view>
#include <vector>

#include "proxy/settings/problems.h"

namespace vsaproxy::settings {

// The most a file may have: 1 MiB.
inline constexpr std::size_t most_file_bytes = std::size_t{1} << 20;

// Without the byte order mark that some editors put first. Places count from behind it.
std::string_view without_bom(std::string_view text);

// Without "\n" and "\r\n".
std::vector<std::string_view> split_lines(std::string_view text);

// How many characters (code points) a UTF-8 text has.
std::size_t count_characters(std::string_view text);

// Length in bytes of the UTF-8 character in front (RFC 3629), 0 if it is none.
std::size_t character_length(std::string_view text);

// True for C0 and C1 controls and DEL in front of a valid UTF-8 text, tab included.
bool starts_with_control(std::string_view text);

// A file that is empty or too large, is not UTF-8, has control characters, or is indented by tabs.
void check_characters(std::string_view text, Problems& problems);

}  // namespace vsaproxy::settings
