#include "proxy/auth/schemes/kaseya_soap_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "proxy/auth/login_answer.h"
#include "proxy/auth/schemes/kaseya_soap_message.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;

// What the API says in an answer.
struct SoapAnswer {
  bool is_soap = false;     // an envelope, or the bare string that a call by GET gets
  std::string operation;    // "Authenticate", of AuthenticateResponse
  std::string method;       // Method, the same in the result
  base::Secret session_id;  // empty: there is none
  std::string error;        // ErrorMessage, or why there is a fault, in all its languages
  bool is_fault = false;
  std::string fault_code;
};

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char a, char b) {
           return base::to_lower(a) == base::to_lower(b);
         }) != text.end();
}

std::string_view trim_xml(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Of SOAP, in the depths: Envelope, Body, ...Response, ...Result and their members. Of the XML in a
// string that Primitive operations answer with: a root and its members.
class AnswerReader final : public XmlHandler {
 public:
  enum class Form { soap, inner };

  AnswerReader(Form form, SoapAnswer& answer) : form_(form), answer_(answer) {}

  XmlInterest on_start(const XmlName& name, ByteRange, std::size_t depth) override {
    if (form_ == Form::inner) return depth == 1 ? begin_member(name, depth) : XmlInterest::tags;
    switch (depth) {
      case 0:
        return begin_root(name);
      case 1:
        in_body_ = is_soap_ && is_soap_space(name.space) && name.local == "Body";
        break;
      case 2:
        if (in_body_) begin_response(name);
        break;
      case 3:
        return begin_result(name);
      case 4:
        return in_result_ ? begin_member(name, depth) : begin_fault_member(name, depth);
      default:
        break;
    }
    return XmlInterest::tags;
  }

  void on_end(ByteRange, std::size_t depth) override {
    if (text_ != nullptr && depth == text_depth_) end_text();
    if (depth == 3) in_result_ = false;
    if (depth == 2) in_response_ = in_fault_ = false;
  }

  void on_text(std::string_view text, ByteRange, XmlTextForm) override { pending_.append(text); }

  const std::string& inner() const { return inner_; }

 private:
  XmlInterest begin_root(const XmlName& name) {
    is_soap_ = is_soap_space(name.space) && name.local == "Envelope";
    const bool is_string = is_vsa_space(name.space) && name.local == "string";
    answer_.is_soap = is_soap_ || is_string;
    return is_string ? want_text(inner_, 0) : XmlInterest::tags;
  }

  void begin_response(const XmlName& name) {
    constexpr std::string_view suffix = "Response";
    in_fault_ = answer_.is_fault = is_soap_space(name.space) && name.local == "Fault";
    in_response_ = is_vsa_space(name.space) && name.local.ends_with(suffix);
    if (in_response_) answer_.operation = name.local.substr(0, name.local.size() - suffix.size());
  }

  XmlInterest begin_result(const XmlName& name) {
    if (in_fault_ && name.local == "faultcode") return want_text(answer_.fault_code, 3);
    if (in_fault_ && name.local == "faultstring") return want_text(answer_.error, 3);
    in_reason_ = in_fault_ && is_soap_space(name.space) && name.local == "Reason";
    in_result_ = in_response_ && name.local.ends_with("Result");
    return in_result_ && is_primitive(answer_.operation) ? want_text(inner_, 3) : XmlInterest::tags;
  }

  XmlInterest begin_fault_member(const XmlName& name, std::size_t depth) {
    if (!in_fault_ || !is_soap_space(name.space)) return XmlInterest::tags;
    if (in_reason_ && name.local == "Text") return want_text(answer_.error, depth);
    const bool is_code = name.local == "Value" && answer_.fault_code.empty();
    return is_code ? want_text(answer_.fault_code, depth) : XmlInterest::tags;
  }

  XmlInterest begin_member(const XmlName& name, std::size_t depth) {
    if (name.local == "ErrorMessage") return want_text(answer_.error, depth);
    if (name.local == "Method") return want_text(answer_.method, depth);
    return name.local == "SessionID" ? want_text(session_, depth) : XmlInterest::tags;
  }

  XmlInterest want_text(std::string& target, std::size_t depth) {
    text_ = &target;
    text_depth_ = depth;
    pending_.clear();
    return XmlInterest::text;
  }

  void end_text() {
    if (text_ == &session_) {
      answer_.session_id = base::Secret(trim_xml(pending_));
    } else {
      if (!text_->empty()) text_->push_back(' ');
      text_->append(trim_xml(pending_));
    }
    base::wipe(pending_);
    text_ = nullptr;
  }

  Form form_;
  SoapAnswer& answer_;
  std::string* text_ = nullptr;  // where the text goes that is being read
  std::size_t text_depth_ = 0;
  std::string pending_;
  std::string session_;  // stays empty: names the target
  std::string inner_;
  bool is_soap_ = false;
  bool in_body_ = false;
  bool in_response_ = false;
  bool in_fault_ = false;
  bool in_reason_ = false;
  bool in_result_ = false;
};

std::optional<SoapAnswer> read_answer(std::string_view body) {
  SoapAnswer answer;
  AnswerReader reader(AnswerReader::Form::soap, answer);
  if (!scan_xml(body, "", reader) || !answer.is_soap) return std::nullopt;
  if (reader.inner().empty()) return answer;
  AnswerReader inner(AnswerReader::Form::inner, answer);
  // What is no XML says nothing.
  if (!scan_xml(reader.inner(), "utf-8", inner)) return std::nullopt;
  return answer;
}

bool is_number(std::string_view text) {
  constexpr std::size_t most_digits = 40;  // the API has 26
  return !text.empty() && text.size() <= most_digits &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_zero(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0.") == std::string_view::npos;
}

// The vendor's texts, see https://help.kaseya.com/webhelp/EN/VSA/R8/3494.htm
struct Complaint {
  std::string_view text;
  std::string_view advice;
  bool may_be_hash = false;
};

constexpr std::array complaints = {
    Complaint{"username/password incorrect", "check username, password and hash", true},
    Complaint{"API disabled for tenant", "the API must be enabled for the tenant"},
    Complaint{"API disabled", "enable the VSA API Web Service in System > Configure"},
    Complaint{"user disabled", "enable the account, then vsaproxy unlock NAME"},
    Complaint{"IP address incorrect", "the account may not log in from this machine's address"},
};

SoapLoginOutcome rejected(const LoginResponse& response, const SoapAnswer& answer) {
  for (const Complaint& known : complaints) {
    if (!contains_ignoring_case(answer.error, known.text)) continue;
    return {base::fail(ErrorKind::login_rejected,
                       fmt::format("the login was rejected, the server says \"{}\": {}", known.text,
                                   known.advice)),
            known.may_be_hash};
  }
  const std::string_view why = answer.is_fault         ? "a SOAP fault"
                               : !answer.error.empty() ? "an ErrorMessage"
                                                       : "no SessionID";
  return {base::fail(ErrorKind::login_rejected,
                     fmt::format("the login was rejected (HTTP {}, {}): check username, password "
                                 "and hash, and that the account is not disabled",
                                 response.status, why)),
          !answer.is_fault};
}

SoapLoginOutcome rejected_by_status(int status) {
  const std::string_view advice =
      status == 404 || status == 405
          ? "check the upstream's url and the credential's endpoint"
          : "check what the server and whatever stands before it let through";
  return {base::fail(ErrorKind::login_rejected,
                     fmt::format("the login was rejected (HTTP {}): {}", status, advice))};
}

SoapLoginOutcome malformed(std::string_view what) {
  return {base::fail(ErrorKind::malformed, std::string(what))};
}

// "soap:Server" or "soap:Receiver" (SOAP 1.1, 4.4.1; 1.2 part 1, 5.4.6): the message might succeed
// at a later time.
bool is_servers_own(const SoapAnswer& answer) {
  const std::string_view code =
      std::string_view(answer.fault_code).substr(answer.fault_code.find(':') + 1);
  return answer.is_fault && (code.starts_with("Server") || code.starts_with("Receiver"));
}

}  // namespace

SoapLoginOutcome read_soap_login(const LoginResponse& response) {
  const int status = response.status;
  const auto answer = read_answer(response.body);
  const bool is_refusal =
      status == soap_fault_status && answer && answer->is_fault && !is_servers_own(*answer);
  if (!is_refusal) {
    if (auto error = transient_error(response, "the upstream's url")) {
      return {base::fail(std::move(*error))};
    }
  }
  if (!answer) {
    if (status >= 400 && status < 500) return rejected_by_status(status);
    return malformed(
        "the login answer is no SOAP message: check the upstream's url and the credential's "
        "endpoint");
  }
  const std::string_view session = answer->session_id.reveal();
  if (status != 200 || answer->is_fault || !answer->error.empty() || session.empty() ||
      is_zero(session)) {
    return rejected(response, *answer);
  }
  if (!is_number(session)) return malformed("the login answer has a SessionID that is no number");
  Credential credential;
  credential.token = answer->session_id;
  return {std::move(credential)};
}

bool says_soap_session_lost(const AnswerLook& answer) {
  const bool is_fault = answer.status == soap_fault_status;
  if (!is_fault && (answer.status < 200 || answer.status > 299)) return false;
  // Every answer is looked at, and hardly any says so: most have neither of these, or an empty
  // <ErrorMessage />.
  const auto may_say_so = [body = answer.body] {
    constexpr std::string_view message = "ErrorMessage";
    if (body.find("SessionID") != std::string_view::npos) return true;
    for (auto at = body.find(message); at != std::string_view::npos;
         at = body.find(message, at + message.size())) {
      const std::string_view rest = body.substr(at + message.size());
      if (!rest.starts_with("/>") && !rest.starts_with(" />")) return true;
    }
    return false;
  };
  if (!is_fault && !may_say_so()) return false;
  const auto read = read_answer(answer.body);
  return read && read->is_fault == is_fault && login_operation(read->operation).empty() &&
         login_operation(read->method).empty() &&
         (is_zero(read->session_id.reveal()) || contains_ignoring_case(read->error, "session"));
}

}  // namespace vsaproxy::auth
