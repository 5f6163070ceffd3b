#pragma once
// Where the SessionID goes in the messages of the VSA 9 SOAP API. Pure, any thread; input of any
// kind is safe.

#include <string_view>
#include <vector>

#include "proxy/auth/escaped_text.h"
#include "proxy/auth/message_editor.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

// Of a SOAP 1.1 or 1.2 message: every SessionID in a `req` of the operation, in the operation's
// namespace or in none, whatever it holds; a new one where `req` has none, and a new `req` where
// the operation has none. Of a Primitive operation: those in its XmlRequest. `encoding` is the
// charset of the Content-Type, or "". Errors: bad_request, with the place.
base::Result<Inspection> inspect_soap_body(std::string_view body, std::string_view encoding);

// Of the XML in an XmlRequest: every SessionID that is a child of its root, or of a `req` in that;
// a new one if there is none. Nothing if there is no text. Errors: bad_request.
base::Result<std::vector<TokenPlace>> xml_request_places(const EscapedText& text);

}  // namespace vsaproxy::auth
