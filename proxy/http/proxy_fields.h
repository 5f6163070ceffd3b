#pragma once
// What a proxy does to fields between receiving and sending: takes off what belongs to one
// connection or to somebody else, adds Via, maps Location and cookie paths. Run before anything is
// injected, so that no message can name an injected field in Connection. Pure.

#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/http/target.h"

namespace vsaproxy::http {

enum class Treatment { strip, pass };

// Removes Connection and the fields it names, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding,
// Upgrade and HTTP2-Settings (RFC 9110, 7.6.1). Here and below names are compared without case, and
// "_" counts as "-".
void strip_hop_by_hop(Fields& fields);

struct RequestFieldPolicy {
  std::string_view host;  // the upstream's authority: the new Host
  Treatment authorization = Treatment::strip;
  Treatment cookies = Treatment::strip;
};

// From the client's fields to those for the upstream: hop-by-hop, Expect, Forwarded, X-Forwarded-*,
// names with "_" and framing fields go (the serializer writes framing anew), Host is replaced, Via
// added.
void prepare_request_fields(RequestHead& head, const RequestFieldPolicy& policy);

struct ResponseFieldPolicy {
  Treatment cookies = Treatment::strip;       // Set-Cookie, Set-Cookie2
  Treatment cors = Treatment::strip;          // Access-Control-*
  Treatment authenticate = Treatment::strip;  // WWW-Authenticate: pass if nothing was injected
};

// From the upstream's fields to those for the client: also goes what could reveal a credential or
// be taken for an answer of the proxy's own. Content-Length stays only where there is no body.
void prepare_response_fields(ResponseHead& head, const ResponseFieldPolicy& policy);

// Removes what must not stand in trailers: fields for framing, routing, authentication, cookies,
// request modifiers, content, and those of one connection (RFC 9110, 6.5.1).
void filter_trailers(Fields& trailers);

// How the upstream's addresses look to the client.
struct LocationMap {
  const Origin& upstream;
  std::string_view client_scheme;
  std::string_view client_authority;
  std::string_view strip_prefix;  // "/vsa", or empty; was taken off the request's path
};

// Location and Content-Location at the upstream's own origin get the client's scheme, authority and
// prefix; a path-absolute one gets the prefix; all others stay.
void rewrite_location(Fields& fields, const LocationMap& map);

// The Path attribute of every Set-Cookie gets the prefix back (RFC 6265, 5.2.4).
void rewrite_cookie_paths(Fields& fields, std::string_view strip_prefix);

// Leaves gzip, deflate and identity with their weights, or identity alone. A request without
// Accept-Encoding stays without.
void cut_accept_encoding(Fields& fields);

// Asks for an answer that can be edited: without a content coding, and not a part (RFC 9110, 14.2).
void ask_for_editable_answer(Fields& fields);

// Of a message whose body was edited: takes off what states something about the body's bytes, as
// Content-MD5, Digest, Content-Digest, Repr-Digest, ETag and Accept-Ranges do.
void drop_body_statements(Fields& fields);

}  // namespace vsaproxy::http
