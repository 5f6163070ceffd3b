#pragma once
// The seam between a credential type and the rest: a scheme says what to send and how to read the
// answer; the token manager decides when, how often, and what on failure. Everything here is pure.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/auth/credential.h"
#include "proxy/auth/message_editor.h"
#include "proxy/base/clock.h"
#include "proxy/base/field.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

// A one-time code's time (RFC 6238).
struct CodeTime {
  std::int64_t step = 0;
  base::Duration left{};  // of the step, by the server's clock
};

struct LoginRequest {
  LoginRequest() = default;
  LoginRequest(const LoginRequest&) = default;
  LoginRequest(LoginRequest&&) noexcept = default;
  LoginRequest& operator=(const LoginRequest&) = default;
  LoginRequest& operator=(LoginRequest&&) noexcept = default;
  ~LoginRequest() { base::wipe(target); }

  std::string method;
  std::string target;                 // origin form, at the login's origin; may hold a secret
  std::vector<InjectedField> fields;  // beside Host, User-Agent and the body's own
  base::Secret body;                  // may be empty
  std::string content_type;           // empty without a body
  bool second_try = false;            // after a rejection: the budget is asked again before sending
  // False: carries nothing whose rejection could lock the account, as a refresh token. Then the
  // budget is not asked, and a rejection is not counted.
  bool spends_budget = true;
  // Of the one-time code that it carries, which may be sent only once.
  std::optional<CodeTime> code;
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
  // Of one login: another is made for the next. `former` is what the last one yielded, in this
  // process or as kept in the session cache; null: nothing is known. Not kept.
  virtual base::Result<Step> start(base::Time now, const Credential* former) = 0;
  virtual base::Result<Step> on_response(const LoginResponse& response, base::Time now) = 0;
  // In place of a request whose code was sent before, once `left` is over: with the next code.
  virtual base::Result<Step> next_code() {
    return base::fail(base::ErrorKind::malformed, "this login has no one-time code");
  }
};

// What a scheme is made from. The secrets are those of the table, by key, already read.
struct SchemeInput {
  const base::FieldValues* values = nullptr;
  std::map<std::string, base::Secret, std::less<>> secrets;
  std::function<std::uint32_t()> random;  // uniform
};

enum class LoginCall { login, logout };

// A call of the API that logs in or out, under the credential's base path. Compared without case,
// as some servers do, the method too; an optional slash at the end; a segment "{}" is any one.
struct LoginPath {
  std::string_view method;
  std::string_view path;
  LoginCall call = LoginCall::login;
  bool is_at_root = false;  // under the server's root, wherever the base is
  bool has_names = path.find('{') != std::string_view::npos;  // "{}", for any one segment
};

// `path` is decoded, without the base (unless is_at_root) and without a query.
bool is_call(const LoginPath& call, std::string_view method, std::string_view path);

// A tool's own login or logout call, which the proxy answers itself.
struct StubRequest {
  LoginCall call = LoginCall::login;
  std::string_view method;     // as in LoginPath; of an editor's call: the request's
  std::string_view path;       // under the base, as in LoginPath; of an editor's call: the target
  std::string_view operation;  // of an editor's call: Inspection::login_operation
  std::string_view content_type;  // of the request
  std::string_view body;          // of the request; empty for an editor's call
  base::WallTime now;
  base::WallTime expires;    // of the session that stands behind it
  std::string_view failure;  // why there is no session, for a reader; empty: there is one
};

struct LocalAnswer {
  int status = 200;
  std::string content_type;  // empty: no body
  std::string body;
};

// The bodies in which an API says that a session is gone.
enum class LostSessionMedia { none, json, xml };

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
  bool logs_in = false;  // false: the credential is static and never renewed
  // Of a type that logs in: true if these values make it static all the same, as an API key.
  bool (*is_static)(const base::FieldValues& values) = nullptr;
  bool one_session = false;  // default of the key of that name
  // Keys whose text names the account, for the login budget: the first that is written. If none
  // is, the credential's own name does.
  std::array<std::string_view, 2> account_fields;
  std::string_view base_field;  // key of the API's path prefix, "" if none
  // Its default, where that depends on other keys. Null: the table has it.
  std::string_view (*default_base)(const base::FieldValues& values) = nullptr;
  std::string_view login_url_field;  // key of the URL to log in at; "": the upstream's origin
  std::string_view check_path;       // default of check.path, under the base
  std::span<const LoginPath> login_paths;
  // Answers a call of login_paths, or one that the editor found. Null: there are none.
  LocalAnswer (*stub)(const StubRequest& request) = nullptr;
  LostSessionMedia lost_session_media = LostSessionMedia::none;
  // Statuses under which such a body is looked for, beside all of 2xx.
  std::span<const int> lost_session_statuses = {};
  // True if the answer says "session gone" in its body. Null: only statuses count.
  bool (*session_lost)(const AnswerLook& answer) = nullptr;
  // Key of the name of the field that it sets; "": it is Authorization, or there is an editor.
  std::string_view name_field = "";
  // Null: the credential goes into fields only.
  std::unique_ptr<const MessageEditor> (*make_editor)(const base::FieldValues& values) = nullptr;
  // What the table can't say, over several keys; "" if fine.
  std::string (*fault)(const base::FieldValues& values) = nullptr;
  base::Result<std::unique_ptr<Scheme>> (*make)(SchemeInput input) = nullptr;
};

// The field that a credential of this type sets in every request; "" if it sets none, but is put
// into the message by an editor.
std::string_view injected_field(const SchemeSpec& spec, const base::FieldValues& values);

// text/xml, application/xml and +xml (RFC 7303).
bool is_xml(std::string_view content_type);

// True for content types whose small bodies can hold an expired session: application/json and
// +json, or those of is_xml().
bool may_hold_lost_session(const SchemeSpec& spec, std::string_view content_type);

}  // namespace vsaproxy::auth
