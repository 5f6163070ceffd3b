#pragma once
// The two heads of HTTP/1.1 as values: what a parser fills and a serializer writes. A head owns the
// bytes that its views point to, so it may be kept and moved; one thread at a time.

#include <cstdint>
#include <string_view>

#include "proxy/http/fields.h"

namespace vsaproxy::http {

enum class Version : std::uint8_t { http_1_0, http_1_1 };

// How a body ends (RFC 9112, 6.3).
enum class Framing : std::uint8_t {
  none,         // there is no body
  length,       // after `length` bytes
  chunked,      // with the last chunk
  until_close,  // with the connection: answers only
};

struct BodyFraming {
  Framing kind = Framing::none;
  std::uint64_t length = 0;  // bytes; only for Framing::length

  friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

struct RequestHead {
  std::string_view method;  // kept in fields' bytes, as is target
  std::string_view target;  // as received: origin, absolute, authority or asterisk form
  Version version = Version::http_1_1;
  Fields fields;
  BodyFraming body;

  RequestHead clone() const;
  void clear();  // keeps the memory of fields
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;  // may be empty
  Version version = Version::http_1_1;
  Fields fields;
  BodyFraming body;

  ResponseHead clone() const;
  void clear();  // keeps the memory of fields
};

}  // namespace vsaproxy::http
