#pragma once
// Text as code points and back to the encodings that servers of different age expect. Pure, any
// thread.

#include <cstddef>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // bytes; 0: what stands there is not UTF-8
};

// The first code point of a text that is not empty. RFC 3629: overlong forms and surrogates are not
// UTF-8.
CodePoint decode_utf8(std::string_view text);

enum class TextEncoding {
  utf_8,
  latin_1,
  ascii,  // "?" for every UTF-16 unit outside, as .NET's ASCIIEncoding writes it
};

// `what` ("password") names the text in errors. Errors: configuration: the text is not UTF-8, or
// has a character that Latin-1 lacks.
base::Result<base::Secret> encode_text(std::string_view text, TextEncoding encoding,
                                       std::string_view what);

}  // namespace vsaproxy::auth
