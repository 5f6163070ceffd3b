#pragma once
// The seam between a credential type and the rest: a scheme says what to send and how to read the
// answer; the token manager decides when, how often, and what on failure. Everything here is pure.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/auth/credential.h"
#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

struct LoginRequest {
  std::string method;
  std::string target;                 // origin form, at the login's origin
  std::vector<InjectedField> fields;  // beside Host, User-Agent and the body's own
  base::Secret body;                  // may be empty
  std::string content_type;           // empty without a body
  bool second_try = false;            // after a rejection: the budget is asked again before sending
};

struct LoginResponse {
  int status = 0;
  const http::Fields* fields = nullptr;
  std::string_view body;       // decoded, whole
  base::WallTime received_at;  // by this machine's clock, for answers without Date
};

// What to send next, or the finished credential (generation and fingerprint still unset).
using Step = std::variant<LoginRequest, Credential>;

// The steps that turn configured secrets into a Credential. No I/O: the token manager sends what a
// step asks for and hands back the answer. Errors: login_rejected (stop, spend the budget),
// login_unavailable (transient), malformed (as transient, logged apart), configuration.
class Scheme {
 public:
  virtual ~Scheme() = default;
  virtual base::Result<Step> start(base::Time now) = 0;
  virtual base::Result<Step> on_response(const LoginResponse& response, base::Time now) = 0;
};

// What a scheme is made from. The secrets are those of the table, by key, already read.
struct SchemeInput {
  const base::FieldValues* values = nullptr;
  std::map<std::string, base::Secret, std::less<>> secrets;
  std::function<std::uint32_t()> random;  // uniform
};

// A call of the API that logs in or out, under the credential's base path. Compared without case,
// an optional slash at the end.
struct LoginPath {
  std::string_view method;
  std::string_view path;
};

// An answer as far as it was read, for SchemeSpec::session_lost.
struct AnswerLook {
  int status = 0;
  std::string_view content_type;
  std::string_view body;  // decoded; whole
};

// What a credential type is, in one table entry.
struct SchemeSpec {
  std::string_view name;
  std::span<const base::Field> fields;
  bool logs_in = false;            // false: the credential is static and never renewed
  bool one_session = false;        // default of the key of that name
  std::string_view account_field;  // key whose text names the account, for the login budget
  std::string_view base_field;     // key of the API's path prefix, "" if none
  std::string_view check_path;     // default of check.path, under the base
  std::span<const LoginPath> login_paths;
  // True if the answer says "session gone" in its body. Null: only statuses count.
  bool (*session_lost)(const AnswerLook& answer) = nullptr;
  // What the table can't say, over several keys; "" if fine.
  std::string (*fault)(const base::FieldValues& values) = nullptr;
  base::Result<std::unique_ptr<Scheme>> (*make)(SchemeInput input) = nullptr;
};

// True for content types whose small bodies can hold an expired session (application/json, +json).
bool may_hold_lost_session(const SchemeSpec& spec, std::string_view content_type);

}  // namespace vsaproxy::auth
