#pragma once
// What an exchange keeps for an editor (auth/message_editor.h): the gathered body, the places in
// body and target, and the answer that is edited. Empty for all other requests. Part of an
// exchange's buffers; one thread.

#include <string>
#include <string_view>

#include "proxy/auth/message_editor.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/relay/edited_pieces.h"

namespace vsaproxy::relay {

class MessageEdit {
 public:
  // For the request of this look. `editor` must outlive the next clear().
  void begin(const auth::MessageEditor& editor, const auth::RequestLook& request);
  bool is_begun() const { return editor_ != nullptr; }
  void clear();

  auth::MessageEditor::Part needs() const { return needs_; }
  // The body is held whole, up to `limit` bytes. Errors: body_too_large; bad_request for a content
  // coding, under which nobody can read it.
  base::Result<void> begin_body(const http::RequestHead& head, std::size_t limit);
  base::Result<void> add_to_body(std::string_view data);
  // The body, if it is needed, is whole.
  base::Result<void> inspect(const auth::RequestLook& request);
  // See auth::Inspection; empty for another call.
  std::string_view login_operation() const { return inspection_.login_operation; }
  // The message goes on as the client sent it, and so does its answer.
  void leave_unedited();

  // Once inspected: takes off what states something about the body as it was, and the client's
  // Authorization; asks for an answer that can be edited.
  void prepare_fields(http::Fields& fields) const;

  // Sending, each time with the token of that time.
  bool has_body() const { return has_body_; }
  std::size_t body_length(std::string_view token) const;
  std::string target_with(std::string_view target, std::string_view token) const;
  // `token` must stay until the last piece is written.
  void start_body(std::string_view token);
  EditedPieces& body_pieces() { return body_pieces_; }

  // The answer. Takes the token out of Location, Content-Location and Refresh: a query that held it
  // may come back whole, for the client and another host to read.
  void clean_locations(http::Fields& fields, std::string_view token) const;
  bool edits_answer() const { return edits_answer_; }
  // By its head: one to be edited is held whole, up to `limit` bytes.
  enum class AnswerUse { as_it_is, edited, too_large };
  AnswerUse begin_answer(const http::ResponseHead& head, std::size_t limit);
  // False if that would be too much: nothing of `data` is kept.
  bool add_to_answer(std::string_view data);
  std::string_view answer_so_far() const { return answer_; }
  // The answer is whole: its edited length, with `address` where the server's own stands.
  std::size_t start_answer(std::string address);
  EditedPieces& answer_pieces() { return answer_pieces_; }

 private:
  const auth::MessageEditor* editor_ = nullptr;
  auth::MessageEditor::Part needs_ = auth::MessageEditor::Part::nothing;
  bool has_body_ = false;
  bool edits_answer_ = false;
  std::size_t limit_ = 0;     // of the body
  std::size_t expected_ = 0;  // the body's length, if it was announced
  std::string body_;
  auth::Inspection inspection_;
  EditedPieces body_pieces_;

  std::size_t answer_limit_ = 0;
  std::string answer_;
  std::string address_;
  std::vector<auth::TokenPlace> address_places_;
  EditedPieces answer_pieces_;
};

}  // namespace vsaproxy::relay
