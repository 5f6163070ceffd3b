// Answers that the proxy makes itself: its errors, and the API's login and logout calls.

#include <utility>

#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"
#include "proxy/relay/problem_answer.h"

namespace vsaproxy::relay {

void Exchange::answer_with(const base::Error& error) {
  error_ = base::reason_text(error.kind);
  context_.metrics().count_refused(error.kind);
  const auto addressed =
      is_for_a_proxy(request().target) ? Addressed::as_proxy : Addressed::as_server;
  ProxyAnswer answer = make_problem_answer(error, id_.text(), addressed);
  send_local(answer.head, answer.body);
}

// With a placeholder while there is a session of ours, as a failure otherwise: some tools take a
// 401 for an empty list.
void Exchange::answer_login(const base::Error* failure) {
  const settings::Credential& credential = *credential_settings();
  const base::WallTime now = context_.wall_now();
  const auto own = credential_ ? credential_->expires : std::nullopt;
  const auto left = own ? *own - context_.loop().now() : credential.max_age;
  const http::Field* type = request().fields.find("Content-Type");
  auth::StubRequest asked;
  asked.call = buffers_.plan.login->call;
  asked.operation = buffers_.edit.login_operation();
  const bool is_path = asked.operation.empty();
  asked.method = is_path ? buffers_.plan.login->method : request().method;
  asked.path = is_path ? buffers_.plan.login->path : buffers_.plan.target;
  asked.content_type = type != nullptr ? std::string_view(type->value) : "";
  asked.body = buffers_.held_body;
  asked.now = now;
  asked.expires = now + std::chrono::duration_cast<base::WallTime::duration>(left);
  std::string reason;
  if (failure != nullptr) {
    error_ = base::reason_text(failure->kind);
    context_.metrics().count_refused(failure->kind);
    reason = failure->detail.empty() ? std::string(error_) : failure->detail;
    asked.failure = reason;
  }
  ProxyAnswer answer = make_login_answer(credential.scheme->stub(asked), failure);
  send_local(answer.head, answer.body);
}

void Exchange::answer_preflight() {
  ProxyAnswer answer = make_preflight_answer(request().fields);
  send_local(answer.head, answer.body);
}

void Exchange::send_local(http::ResponseHead& head, std::string_view body) {
  credential_wait_.reset();
  turn_wait_.reset();
  connection_wait_.reset();
  if (connection_) drop_connection();
  http::ServerCodec& codec = client_.codec();
  if (!request_ended_ && !client_.can_discard_rest()) codec.close_after_answer();
  if (context_.is_draining()) codec.close_after_answer();
  status_ = head.status;
  if (!buffers_.plan.page_origin.empty()) {
    add_page_fields(buffers_.plan.page_origin, head.fields);
  }
  std::string bytes;
  codec.encode_head(head, bytes);
  for (const std::string_view part : codec.encode_data(body)) bytes.append(part);
  codec.encode_end(nullptr, bytes);
  bytes_out_ += body.size();
  const std::string_view part = bytes;
  client_.announce_last_write();
  client_.write({&part, 1});
  finish(Ending::complete);
}

}  // namespace vsaproxy::relay
