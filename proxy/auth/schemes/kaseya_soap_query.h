#pragma once
// The session in queries and forms of VSA 9: apiLogonGuid of pages, SessionID and XmlRequest of
// operations that are called by GET or with a form. Pure, any thread; input of any kind is safe.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/message_editor.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

// Where apiLogonGuid goes in the target of a page: in place of every one, in any case and however
// escaped, or behind the query.
std::vector<TokenPlace> page_places(std::string_view target);

// Every SessionID, and those in XmlRequest, of "name=value&name=value", which stands at `begin` in
// the offsets that are reported. Errors: bad_request; over 1000 parameters are one.
base::Result<std::vector<TokenPlace>> operation_places(std::string_view query, std::size_t begin);

// Takes apiLogonGuid out of a URL's query, and out of URLs in the values of that query, as logon
// pages are told where to go on. False, and nothing changed, if there is none.
bool remove_logon_guid(std::string& url);

}  // namespace vsaproxy::auth
