#pragma once
// One line of the log as text or JSON. Whatever a client or a server sent is escaped here, so that
// no byte of theirs can end a line, begin a field or steer a terminal. Pure, any thread.

#include <span>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/ops/log.h"

namespace vsaproxy::ops {

// One diagnostic line, with its newline:
//   2026-01-01T00:00:00.000Z info  login succeeded credential=vsa expires_in=1799s
//   {"ts":"2026-01-01T00:00:00.000Z","level":"info","message":"login succeeded","credential":"vsa"}
void append_log_line(base::WallTime at, LogLevel level, std::string_view message,
                     std::span<const LogField> fields, settings::LogFormat format,
                     std::string& out);

// UTC with milliseconds (RFC 3339).
void append_timestamp(base::WallTime at, std::string& out);

// A value of a text line: "-" if empty, bare if it cannot be mistaken, else in quotes.
void append_text_value(std::string_view value, std::string& out);

// A JSON text with its quotes; what is not UTF-8 becomes U+FFFD.
void append_json_text(std::string_view value, std::string& out);

}  // namespace vsaproxy::ops
