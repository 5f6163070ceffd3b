#pragma once
// For APIs that carry the session inside the message. Pure; made once for a credential, immutable
// and shared by all workers.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::auth {

// A request as it goes upstream, before its body is looked at.
struct RequestLook {
  std::string_view method;
  std::string_view target;  // origin form, with the query
  const http::Fields* fields = nullptr;
};

// Bytes to replace by `before`, the token and `after`.
struct TokenPlace {
  std::size_t offset = 0;
  std::size_t length = 0;  // 0: insert
  std::string before;
  std::string after;
};

// Where the token goes; found once for a request, used again for its replay with another token.
struct Inspection {
  // The API's own login, by name ("Authenticate"); empty: another call. Answered by the scheme's
  // stub, never forwarded with our session.
  std::string login_operation;
  std::vector<TokenPlace> body;    // by offset, not overlapping
  std::vector<TokenPlace> target;  // likewise
};

class MessageEditor {
 public:
  enum class Part { nothing, target, body };

  virtual ~MessageEditor() = default;

  // What inspect() has to see of this request. With `body` the body is held whole first, up to
  // limits.soap_body.
  virtual Part needs(const RequestLook& request) const = 0;
  // `body` is whole and decoded from its transfer coding; empty unless it was needed. Errors:
  // bad_request (not the API's kind of message, with the place; nothing of it is forwarded).
  virtual base::Result<Inspection> inspect(const RequestLook& request,
                                           std::string_view body) const = 0;

  // Takes the token out of a Location value; true if it had one.
  virtual bool clean_location(std::string& location) const = 0;

  // True if the answer to this request names the API's own address and is edited: it is then asked
  // for without a content coding, and held whole.
  virtual bool edits_answer(const RequestLook& request) const = 0;
  // The places of the answer's body that hold the server's address, each to be replaced by
  // `address` (scheme, authority and path prefix, as the client wrote them) and what stays of it.
  virtual std::vector<TokenPlace> address_places(std::string_view body) const = 0;
};

// `text` with `token` at its places.
std::string with_token(std::string_view text, const std::vector<TokenPlace>& places,
                       std::string_view token);
// The length of that.
std::size_t length_with_token(std::size_t length, const std::vector<TokenPlace>& places,
                              std::size_t token_length);

}  // namespace vsaproxy::auth
