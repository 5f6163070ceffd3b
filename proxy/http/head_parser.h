#pragma once
// Bytes to heads, in one pass. Strict where a lenient reading would let two programs see two
// messages. Pure.

#include <cstdint>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/head_gatherer.h"
#include "proxy/http/message.h"

namespace vsaproxy::http {

// Reads a whole head, its empty line included, and decides the framing of its body (RFC 9112, 6.3).
// `out` gets its own copy of the bytes, in the memory that it already has if that is large enough;
// after an error its content is unspecified. The target is checked for its characters only: see
// parse_target(). Errors: bad_request, ambiguous_framing, headers_too_large.
base::Result<void> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                      RequestHead& out);

// As above for the answer to a request with this method (HEAD and CONNECT change its framing).
// White space before a colon is removed and folding becomes a space (RFC 9112, 5.1 and 5.2). All
// errors are upstream_protocol.
base::Result<void> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                       std::string_view request_method, ResponseHead& out);

// The same for a head that stands whole at the front of the input and is as nearly all are: takes
// it from there without a search for its end. False for any other, which these leave to a gatherer
// and the functions above, with `input` as it was and `out` empty, or as it was if there is no
// input.
bool take_request_head(std::string_view& input, const HeadLimits& limits, RequestHead& out);
bool take_response_head(std::string_view& input, const HeadLimits& limits,
                        std::string_view request_method, ResponseHead& out);

// Reads a trailer section, its empty line included, as strictly as the fields of a request. `out`
// is emptied first. Errors: bad_request, headers_too_large.
base::Result<void> parse_trailers(std::string_view bytes, const HeadLimits& limits, Fields& out);

// RFC 9110, 8.6: digits only, at most 2^63 - 1. Neither "+3" nor "3, 3". Error: ambiguous_framing.
base::Result<std::uint64_t> parse_content_length(std::string_view text);

// RFC 9110, 5.6.2.
bool is_token(std::string_view text);

}  // namespace vsaproxy::http
