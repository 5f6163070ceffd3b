// The part of an exchange for messages that carry the session: the body is gathered and inspected,
// sent with the token at its places, and an answer that names the API's address gets ours. Login
// calls that the proxy answers are gathered likewise.

#include <array>
#include <string>
#include <utility>

#include "proxy/http/proxy_fields.h"
#include "proxy/relay/client_connection.h"
#include "proxy/relay/exchange.h"

namespace vsaproxy::relay {
namespace {

using base::Error;
using base::ErrorKind;

// Of a login call that the proxy answers: a form, or a key.
constexpr std::size_t most_login_bytes = 64 * 1024;

Error login_too_large() { return {ErrorKind::body_too_large, "no login call is over 64 KiB"}; }

// Of one write: so that a receiver who takes nothing keeps no more than that and high_water.
constexpr std::size_t most_written = high_water;
// A head and its pieces.
using WriteParts = std::array<std::string_view, 16>;

// The head, if there is one, and what comes next. Returns how much of the body that is.
template <class Receiver>
std::size_t write_pieces(EditedPieces& pieces, std::string_view head, Receiver& receiver) {
  WriteParts parts;
  parts[0] = head;
  const std::size_t count = 1 + pieces.next(std::span(parts).subspan(1), most_written);
  receiver.write(std::span(parts).first(count));
  std::size_t size = 0;
  for (std::size_t i = 1; i < count; ++i) size += parts[i].size();
  return size;
}

void warn_of_large_answer(ops::Log& log, std::string_view upstream) {
  log.write(ops::LogLevel::warning, "an answer over limits.soap_body passed without our address",
            {{"upstream", upstream}});
}

}  // namespace

auth::RequestLook Exchange::look() {
  return {request().method, buffers_.plan.target, &request().fields};
}

void Exchange::begin_edit(const auth::MessageEditor& editor) {
  // A login call that the editor finds may have to pass with the client's own Authorization.
  prepare_request(http::Treatment::pass);
  MessageEdit& edit = buffers_.edit;
  edit.begin(editor, look());
  if (edit.needs() == auth::MessageEditor::Part::body) return gather_body();
  inspect_message();
}

void Exchange::gather_body() {
  if (request().body.kind == http::Framing::none) return inspect_message();
  const auto begun = buffers_.edit.begin_body(request(), settings().limits.soap_body);
  if (!begun) return answer_with(begun.error());
  begin_gathering();
}

// What the client asks for is in the body.
void Exchange::gather_login() {
  const http::BodyFraming& body = request().body;
  if (body.kind == http::Framing::none) return seek_credential();
  if (body.kind == http::Framing::length && body.length > most_login_bytes) {
    return answer_with(login_too_large());
  }
  begin_gathering();
}

void Exchange::begin_gathering() {
  enter(State::gathering_body);
  deadline_.set(upstream().timeouts.idle);
  invite_body();
}

void Exchange::keep_gathered(std::string_view data) {
  deadline_.set(upstream().timeouts.idle);
  if (buffers_.edit.has_body()) {
    if (auto kept = buffers_.edit.add_to_body(data); !kept) on_request_failed(kept.error());
    return;
  }
  if (buffers_.plan.login == nullptr) return hold_back(data);
  std::string& body = buffers_.held_body;
  if (data.size() > most_login_bytes - body.size()) {
    return on_request_failed(login_too_large());
  }
  body.append(data);
}

void Exchange::on_gathered() {
  if (buffers_.edit.has_body()) return inspect_message();
  if (buffers_.plan.login == nullptr) return on_whole_body();
  deadline_.clear();
  seek_credential();
}

void Exchange::inspect_message() {
  deadline_.clear();
  MessageEdit& edit = buffers_.edit;
  if (edit.needs() != auth::MessageEditor::Part::nothing) {
    if (auto inspected = edit.inspect(look()); !inspected) return answer_with(inspected.error());
  }
  if (!edit.login_operation().empty()) return begin_login_operation();
  edit.prepare_fields(request().fields);
  hold_back_or_go_on();
}

void Exchange::begin_login_operation() {
  static constexpr auth::LoginPath operation{"", "", auth::LoginCall::login};
  RequestPlan& plan = buffers_.plan;
  const auto planned = plan_login_call(route(), *credential_settings()->scheme, operation, plan);
  if (!planned) return answer_with(planned.error());
  if (plan.passes_login) {
    session_.reset();
    buffers_.edit.leave_unedited();
    return hold_back_or_go_on();
  }
  seek_credential();
}

std::string_view Exchange::token() const {
  return credential_ ? credential_->token.reveal() : std::string_view();
}

void Exchange::encode_edited_head() {
  http::RequestHead& head = request();
  const MessageEdit& edit = buffers_.edit;
  if (edit.has_body()) head.body = {http::Framing::length, edit.body_length(token())};
  std::string target = edit.target_with(buffers_.plan.target, token());
  head.target = target;
  connection_->codec().encode_head(head, buffers_.to_upstream);
  head.target = buffers_.plan.target;
  base::wipe(target);
}

void Exchange::begin_edited_body() {
  buffers_.edit.start_body(token());
  send_edited_body();
}

void Exchange::send_edited_body() {
  EditedPieces& pieces = buffers_.edit.body_pieces();
  while (pieces.has_more() && connection_->unsent() < high_water) {
    write_pieces(pieces, buffers_.to_upstream, *connection_);
    base::wipe(buffers_.to_upstream);
  }
  if (!pieces.has_more()) {
    connection_->codec().encode_end(nullptr, buffers_.tail_to_upstream);
    flush_to_upstream();
  }
  state_ == State::awaiting_answer ? await_answer() : note_progress();
}

// Of answers that are not edited it may be the head alone, whose length would be wrong.
bool Exchange::begin_answer_edit() {
  MessageEdit& edit = buffers_.edit;
  http::ResponseHead& answer = buffers_.answer;
  if (edit.edits_answer() && answer.body.kind == http::Framing::none) {
    answer.fields.remove("Content-Length");
    http::drop_body_statements(answer.fields);
  }
  // Without an address of ours there is nothing to put in.
  if (buffers_.plan.client_authority.empty()) return false;
  const auto use = edit.begin_answer(answer, settings().limits.soap_body);
  if (use == MessageEdit::AnswerUse::too_large) {
    warn_of_large_answer(context_.log(), upstream().name);
  }
  return use == MessageEdit::AnswerUse::edited;
}

void Exchange::give_up_answer_edit(std::string_view data) {
  warn_of_large_answer(context_.log(), upstream().name);
  forward_head();
  if (!buffers_.edit.answer_so_far().empty()) forward_data(buffers_.edit.answer_so_far());
  if (state_ != State::finished) forward_data(data);
}

void Exchange::begin_edited_answer() {
  std::string address(client_.scheme());
  address.append("://").append(buffers_.plan.client_authority).append(client_prefix());
  http::ResponseHead& answer = buffers_.answer;
  answer.body = {http::Framing::length, buffers_.edit.start_answer(std::move(address))};
  http::drop_body_statements(answer.fields);
  give_back_connection();
  slot_.release();
  forward_head();
  send_edited_answer();
}

void Exchange::send_edited_answer() {
  EditedPieces& pieces = buffers_.edit.answer_pieces();
  while (pieces.has_more() && client_.unsent() < high_water) {
    const std::size_t size = write_pieces(pieces, buffers_.to_client, client_);
    buffers_.to_client.clear();
    bytes_out_ += size;
    context_.metrics().bytes_out().add(size);
  }
  if (pieces.has_more()) return note_progress();
  forward_end();
}

}  // namespace vsaproxy::relay
