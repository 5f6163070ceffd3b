#pragma once
// Which requests carry the session of VSA 9 SOAP, and where: SOAP calls in their body, calls by GET
// or with a form in their parameters, pages in their query. Immutable, shared by all workers.

#include <memory>

#include "proxy/auth/message_editor.h"
#include "proxy/base/field.h"

namespace vsaproxy::auth {

// By the keys `endpoint` and `page_paths`, which are sound. The service desk's endpoint stands
// beside the other.
std::unique_ptr<const MessageEditor> make_kaseya_soap_editor(const base::FieldValues& values);

}  // namespace vsaproxy::auth
