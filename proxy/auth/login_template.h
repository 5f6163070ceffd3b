#pragma once
// Texts with {{username}}, {{secret}} or {{token}} in them. What is filled in is encoded for its
// place, so that it can't break out of it. Pure, any thread.

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::auth {

struct TemplateValues {
  std::string_view username;
  std::string_view secret;
  std::string_view token;
};

enum class Encoding {
  none,  // a value with control characters is an error
  raw,   // whatever it is: the caller encodes the whole
  json,  // within a JSON string (RFC 8259, 7)
  uri,   // a part of a path or query (RFC 3986, 2.1)
};

// "" if each {{...}} of the text is one of `names`, separated by spaces; else the fault.
std::string template_fault(std::string_view text, std::string_view names);

// Errors: configuration, with `key`, if a value can't stand there.
base::Result<base::Secret> fill_template(std::string_view text, const TemplateValues& values,
                                         Encoding encoding, std::string_view key);

}  // namespace vsaproxy::auth
