#pragma once
// An Error as the client's answer: problem+json (RFC 9457), X-Proxy-Error and Proxy-Status
// (RFC 9209). The one place that does it.

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::relay {

struct ProblemAnswer {
  http::ResponseHead head;
  std::string body;
};

// 503 answers always carry Retry-After, 1 s at least.
ProblemAnswer make_problem_answer(const base::Error& error, std::string_view request_id);

// The status of a reason: 400 to 504. Never 401.
int problem_status(base::ErrorKind kind);

}  // namespace vsaproxy::relay
