#pragma once
// The server's own address in the descriptions of its SOAP services. Pure, any thread; input of any
// kind is safe.

#include <functional>
#include <string_view>
#include <vector>

#include "proxy/auth/message_editor.h"

namespace vsaproxy::auth {

// Scheme and authority of each address in a WSDL 1.1 or DISCO document whose path is one of the
// API's, whatever the host: servers behind others may know a name of their own only. Nothing of a
// document that can't be read.
std::vector<TokenPlace> service_addresses(std::string_view document,
                                          const std::function<bool(std::string_view path)>& is_own);

}  // namespace vsaproxy::auth
