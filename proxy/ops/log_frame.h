#pragma once
// What waits for the log's writer: finished lines, and access records that the writer formats, so
// that a request only copies a few texts. Frames stand one after the other in a string. Pure, any
// thread.

#include <string>
#include <string_view>
#include <variant>

#include "proxy/ops/log.h"

namespace vsaproxy::ops {

void append_line_frame(std::string_view line, std::string& frames);
void append_access_frame(const AccessRecord& record, std::string& frames);

// The first frame, taken off the front: a line, or a record. Both are views into the frames, which
// must not be empty.
std::variant<std::string_view, AccessRecord> take_frame(std::string_view& frames);

}  // namespace vsaproxy::ops
