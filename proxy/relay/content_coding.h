#pragma once
// Takes gzip and deflate off a small body, to look at it. What the client gets is never touched.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vsaproxy::relay {

// True for the codings that decode() reads: "", identity, gzip, x-gzip, deflate; without case.
bool is_readable_coding(std::string_view coding);

// Nothing if the body is damaged, cut, or longer than `limit` bytes when decoded. "deflate" is read
// with and without the zlib wrapper (RFC 9110, 8.4.1.2).
std::optional<std::string> decode(std::string_view coding, std::string_view body,
                                  std::size_t limit);

}  // namespace vsaproxy::relay
