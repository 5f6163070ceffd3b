#include "tests/simulator/soap.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulator/digest.h"
#include "tests/simulator/pages.h"
#include "tests/simulator/soap_wsdl.h"

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view primitive = "Primitive";

const SoapService* service_of(std::string_view path) {
  for (const SoapService& service : soap_services()) {
    if (path == service.path || path.starts_with(std::string(service.path) + "/")) return &service;
  }
  return nullptr;
}

bool is_session_name(std::string_view name) {
  return equals_ignoring_case(name, "SessionID") || equals_ignoring_case(name, "apiLogonGuid");
}

// Values that call themselves a session, in elements and attributes of any namespace and depth.
void collect(const XmlElement& element, std::vector<std::string>& ids) {
  if (is_session_name(element.name)) ids.emplace_back(without_white_space(element.text));
  for (const Field& attribute : element.attributes) {
    if (is_session_name(attribute.name)) ids.push_back(attribute.value);
  }
  for (const XmlElement& child : element.children) collect(child, ids);
}

void collect(const std::vector<Field>& fields, std::vector<std::string>& ids) {
  for (const Field& field : fields) {
    if (is_session_name(field.name)) ids.push_back(field.value);
  }
}

// The target as it was written, without the query: the address of the service for the client.
std::string location_of(const Request& request) {
  const std::string* host = request.head.field("Host");
  const std::string& target = request.head.target;
  return fmt::format("{}://{}{}", request.is_tls ? "https" : "http",
                     host == nullptr ? "localhost" : *host, target.substr(0, target.find('?')));
}

bool accepts(const Request& request, std::string_view coding) {
  const std::string* field = request.head.field("Accept-Encoding");
  return field != nullptr && lower_case(*field).find(coding) != std::string::npos;
}

}  // namespace

std::string Soap::Call::text(std::string_view name) const {
  const XmlElement* field = req.child(space, name);
  return field == nullptr ? std::string{} : field->text;
}

bool Soap::owns(const Target& target) const { return service_of(target.path) != nullptr; }

SystemReply Soap::answer(const Request& request, const Target& target, Time now) {
  const SoapService& service = *service_of(target.path);
  const std::string& method = request.head.method;
  if (method == "POST") return answer_post(service, request, target, now);
  if (method == "GET" || method == "HEAD") return answer_get(service, request, target, now);
  return {.answer = {.status = 405, .fields = {{"Allow", "GET,HEAD,POST"}}}, .session = "open"};
}

SystemReply Soap::answer_post(const SoapService& service, const Request& request,
                              const Target& target, Time now) {
  if (target.path != service.path) return {.answer = {.status = 404}, .session = "malformed"};
  auto message = parse_soap_call(request, service.name);
  if (!message) {
    ++counts_.faults;
    return {.answer = std::move(message.error()), .session = "malformed"};
  }
  Call call{.service = service, .version = message->version};
  collect(message->envelope, call.session_ids);
  collect(target.query, call.session_ids);
  const XmlElement& element = message->operation();
  if (!take_operation(call, element.name)) {
    return call_fault(call.version, "Server did not recognize the operation " + element.name);
  }
  const std::string_view parameter = call.is_primitive ? "XmlRequest" : "req";
  if (element.count(service.name, parameter) != 1) {
    return call_fault(call.version, fmt::format("{} needs one {}", element.name, parameter));
  }
  const XmlElement& value = *element.child(service.name, parameter);
  if (!call.is_primitive) {
    call.req = value;
    call.space = service.name;
  } else if (!take_xml_request(call, value.text)) {
    return call_fault(call.version, "XmlRequest is no XML");
  }
  return answer_call(call, request, now);
}

SystemReply Soap::answer_get(const SoapService& service, const Request& request,
                             const Target& target, Time now) {
  if (target.path == service.path) {
    const bool wants_wsdl =
        std::any_of(target.query.begin(), target.query.end(),
                    [](const Field& field) { return equals_ignoring_case(field.name, "wsdl"); });
    if (!wants_wsdl) {
      return {.answer = {.fields = {{"Content-Type", "text/html; charset=utf-8"}},
                         .body = fmt::format("<!DOCTYPE html><title>{}</title>", service.name)}};
    }
    ++counts_.wsdl;
    return {.answer = {.fields = {{"Content-Type", "text/xml; charset=utf-8"}},
                       .body = wsdl_document(service, location_of(request))}};
  }
  Call call{.service = service, .version = SoapVersion::http_get};
  collect(target.query, call.session_ids);
  const std::string& path = request.head.target;
  const std::string_view name = std::string_view(path).substr(
      service.path.size() + 1, path.find('?') - service.path.size() - 1);
  if (!take_operation(call, name) || !call.is_primitive) {
    return call_fault(call.version, "Request format is unrecognized for URL");
  }
  const auto is_parameter = [](const Field& field) {
    return equals_ignoring_case(field.name, "XmlRequest");
  };
  const auto found = std::find_if(target.query.begin(), target.query.end(), is_parameter);
  if (std::count_if(target.query.begin(), target.query.end(), is_parameter) != 1 ||
      !take_xml_request(call, found->value)) {
    return call_fault(call.version, "one XmlRequest with XML is needed");
  }
  return answer_call(call, request, now);
}

// "Primitive" and an operation that has it, or the plain name.
bool Soap::take_operation(Call& call, std::string_view name) const {
  call.is_primitive = name.starts_with(primitive);
  if (call.is_primitive) name.remove_prefix(primitive.size());
  call.operation = find_operation(call.service, name);
  return call.operation != nullptr && (!call.is_primitive || call.operation->has_primitive);
}

// Its root, or a `req` in it, has the fields, in the service's namespace or in none.
bool Soap::take_xml_request(Call& call, std::string_view xml) const {
  auto root = parse_xml(xml);
  if (!root || (!root->space.empty() && root->space != call.service.name)) return false;
  collect(*root, call.session_ids);
  const XmlElement* req = root->child(root->space, "req");
  call.space = root->space;
  call.req = req == nullptr ? *root : *req;
  return true;
}

SystemReply Soap::call_fault(SoapVersion version, std::string_view text) {
  ++counts_.faults;
  return {.answer = soap_fault(version, text), .session = "malformed"};
}

SystemReply Soap::answer_call(const Call& call, const Request& request, Time now) {
  const auto is_live = [&](const std::string& id) {
    return shared_.account.is_live_token(id, now);
  };
  const auto& ids = call.session_ids;
  const bool has_live = std::any_of(ids.begin(), ids.end(), is_live);
  const bool has_stray = !std::all_of(ids.begin(), ids.end(), is_live);
  if (has_live && has_stray) ++counts_.strays;
  if (!call.operation->needs_session()) return has_stray ? refuse(call) : log_in(call, now);
  if (call.req.count(call.space, "SessionID") > 1) {
    return call_fault(call.version, "there is more than one SessionID");
  }
  const std::string own = call.text("SessionID");
  const bool is_given = call.req.child(call.space, "SessionID") != nullptr;
  if (is_given && !is_xml_decimal(own)) {
    ++counts_.refused;
    return {.answer = soap_fault(call.version,
                                 "Server was unable to read request. There is an error in the XML "
                                 "document: SessionID is no decimal number"),
            .session = "refused"};
  }
  const std::string id(without_white_space(own));
  if (has_stray || !is_live(id)) return refuse(call);
  ++counts_.calls;
  if (shared_.options.session_slides) shared_.account.extend(id, now);
  Answer answer =
      result(call, call.operation->result({call.req, call.space, shared_.options, records_}));
  const std::string& coding = shared_.options.soap_coding;
  if (coding != "identity" && accepts(request, coding)) {
    answer.body = encode_content(coding, answer.body);
    answer.fields.push_back({"Content-Encoding", coding});
  }
  return {.answer = std::move(answer), .session = "live"};
}

SystemReply Soap::refuse(const Call& call) {
  ++counts_.refused;
  const std::string& shape = shared_.options.soap_expired;
  Answer answer;
  if (shape == "http-401") {
    answer = {.status = 401,
              .fields = {{"Content-Type", "text/html"}},
              .body = "<!DOCTYPE html><title>Unauthorized</title>"};
  } else if (shape == "fault") {
    answer = soap_fault(call.version, shared_.options.soap_expired_text);
  } else {
    answer = result(call, shape == "message" ? "" : "<SessionID>0</SessionID>",
                    shape == "zero" ? "" : std::string_view(shared_.options.soap_expired_text));
  }
  return {.answer = as_refusal(std::move(answer), shared_.options), .session = "refused"};
}

SystemReply Soap::log_in(const Call& call, Time now) {
  auto& logins = shared_.counters.logins;
  const std::string behaviour = next_login_behaviour(shared_.options);
  SystemReply reply{.answer = {}, .session = "login"};
  if (auto broken = broken_login(behaviour, shared_.counters)) {
    reply.answer = std::move(*broken);
  } else if (behaviour == "failing") {
    ++logins.failed;
    reply.answer = soap_fault(call.version, "out of order");
    reply.answer.status = static_cast<int>(shared_.options.login_status);
    if (!shared_.options.retry_after.empty()) {
      reply.answer.fields.push_back({"Retry-After", shared_.options.retry_after});
    }
  } else if (behaviour == "empty-token") {
    ++logins.empty_token;
    reply.answer = result(call, "<SessionID>0</SessionID>");
  } else if (behaviour == "cut-json") {
    ++logins.malformed;
    reply.answer = result(call, "<SessionID>");
    reply.answer.body.resize(reply.answer.body.size() / 2);
  } else {
    reply.answer = login_answer(call, now);
  }
  return reply;
}

Answer Soap::login_answer(const Call& call, Time now) {
  auto& logins = shared_.counters.logins;
  constexpr std::string_view no_session = "<SessionID>0</SessionID>";
  if (!shared_.options.soap_login_error.empty()) {
    ++logins.rejected;
    return result(call, no_session, shared_.options.soap_login_error);
  }
  const auto login = shared_.account.admit(check(call), now);
  if (login.result == LoginResult::ok) {
    ++logins.ok;
    return result(call, fmt::format("<SessionID>{}</SessionID>", login.token));
  }
  const bool is_locked = login.result == LoginResult::locked;
  ++(is_locked ? logins.locked : logins.rejected);
  if (shared_.options.rejected_as == "http-401") return {.status = 401};
  return result(call, no_session, is_locked ? "user disabled" : "username/password incorrect");
}

LoginResult Soap::check(const Call& call) const {
  if (call.operation->name != "AuthenticateWithAppSessionID") {
    return check_covered_password(shared_.options, {.user = call.text("UserName"),
                                                    .covered = call.text("CoveredPassword"),
                                                    .random = call.text("RandomNumber"),
                                                    .algorithm = call.text("HashingAlgorithm")});
  }
  const std::int64_t wanted = shared_.options.app_session_id;
  return wanted != 0 && call.text("AppSessionID") == std::to_string(wanted) ? LoginResult::ok
                                                                            : LoginResult::rejected;
}

Answer Soap::result(const Call& call, std::string_view own, std::string_view error) {
  const std::string name =
      fmt::format("{}{}", call.is_primitive ? primitive : std::string_view{}, call.operation->name);
  const std::string fields =
      fmt::format("{}<Method>{}</Method><TransactionID>{}</TransactionID>{}<ErrorLocation />", own,
                  call.operation->name, ++transactions_,
                  error.empty() ? "<ErrorMessage />"
                                : fmt::format("<ErrorMessage>{}</ErrorMessage>", xml_text(error)));
  if (!call.is_primitive) {
    return soap_answer(call.version, fmt::format("<{0}Response xmlns=\"{1}\"><{0}Result>{2}"
                                                 "</{0}Result></{0}Response>",
                                                 name, call.service.name, fields));
  }
  const std::string inner = xml_text(fmt::format("<{0}Response xmlns=\"{1}\">{2}</{0}Response>",
                                                 call.operation->name, call.service.name, fields));
  if (call.version == SoapVersion::http_get) {
    return soap_answer(call.version,
                       fmt::format("<string xmlns=\"{}\">{}</string>", call.service.name, inner));
  }
  return soap_answer(call.version, fmt::format("<{0}Response xmlns=\"{1}\"><{0}Result>{2}"
                                               "</{0}Result></{0}Response>",
                                               name, call.service.name, inner));
}

std::string Soap::stats(Time /*now*/) const {
  return fmt::format(
      R"("soap":{{"calls":{},"refused":{},"stray_session_ids":{},"faults":{},"wsdl":{},)"
      R"("writes":{}}})",
      counts_.calls, counts_.refused, counts_.strays, counts_.faults, counts_.wsdl,
      records_.writes);
}

void Soap::reset() {
  counts_ = {};
  records_ = {};
}

}  // namespace vsaproxy::simulator
