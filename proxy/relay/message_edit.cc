#include "proxy/relay/message_edit.h"

#include <algorithm>
#include <utility>

#include "proxy/auth/scheme.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/base/text.h"
#include "proxy/http/name_set.h"
#include "proxy/http/proxy_fields.h"

namespace vsaproxy::relay {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// More than that is only reserved once so much has come: a head alone makes nobody set memory
// aside.
constexpr std::size_t first_capacity = 64 * 1024;

// By doubling at most; to the whole length at once where it is known.
void append_growing(std::string& text, std::string_view data, std::size_t expected,
                    std::size_t limit) {
  const std::size_t size = text.size() + data.size();
  if (size > text.capacity()) {
    const std::size_t wanted =
        size <= first_capacity ? first_capacity : std::max(expected, 2 * text.capacity());
    text.reserve(std::max(size, std::min(wanted, limit)));
  }
  text.append(data);
}

bool has_content_coding(const http::Fields& fields) {
  return std::any_of(fields.all().begin(), fields.all().end(), [](const http::Field& field) {
    return base::equals_ignoring_case(field.name, "Content-Encoding") &&
           !base::equals_ignoring_case(field.value, "identity");
  });
}

bool is_known_longer(const http::BodyFraming& body, std::size_t limit) {
  return body.kind == http::Framing::length && body.length > limit;
}

tl::unexpected<base::Error> body_too_large() {
  return fail(ErrorKind::body_too_large, "the body is over limits.soap_body");
}

// One that the ends around a removed one make is removed too. False if there is none.
bool remove_each(std::string& text, std::string_view part) {
  if (part.empty()) return false;
  const std::size_t size = text.size();
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;) {
    text.erase(at, part.size());
    at -= std::min(at, part.size() - 1);
  }
  return text.size() < size;
}

}  // namespace

void MessageEdit::begin(const auth::MessageEditor& editor, const auth::RequestLook& request) {
  editor_ = &editor;
  needs_ = editor.needs(request);
  edits_answer_ = editor.edits_answer(request);
}

void MessageEdit::clear() {
  if (!is_begun()) return;
  MessageEdit unused;
  std::swap(*this, unused);  // an assignment would keep the memory of large bodies
}

Result<void> MessageEdit::begin_body(const http::RequestHead& head, std::size_t limit) {
  if (has_content_coding(head.fields)) {
    return fail(ErrorKind::bad_request,
                "the session goes into this body, which needs one without Content-Encoding");
  }
  limit_ = limit;
  if (is_known_longer(head.body, limit)) return body_too_large();
  expected_ = head.body.kind == http::Framing::length ? head.body.length : 0;
  has_body_ = true;
  return {};
}

Result<void> MessageEdit::add_to_body(std::string_view data) {
  if (data.size() > limit_ - body_.size()) return body_too_large();
  append_growing(body_, data, expected_, limit_);
  return {};
}

Result<void> MessageEdit::inspect(const auth::RequestLook& request) {
  auto inspected = editor_->inspect(request, body_);
  if (!inspected) return fail(std::move(inspected.error()));
  inspection_ = std::move(*inspected);
  return {};
}

void MessageEdit::prepare_fields(http::Fields& fields) const {
  fields.remove("Authorization");
  if (has_body_) http::drop_body_statements(fields);
  if (edits_answer_) http::ask_for_editable_answer(fields);
}

void MessageEdit::leave_unedited() {
  inspection_.body.clear();
  inspection_.target.clear();
  edits_answer_ = false;
}

std::size_t MessageEdit::body_length(std::string_view token) const {
  return auth::length_with_token(body_.size(), inspection_.body, token.size());
}

std::string MessageEdit::target_with(std::string_view target, std::string_view token) const {
  return auth::with_token(target, inspection_.target, token);
}

void MessageEdit::start_body(std::string_view token) {
  body_pieces_.start(body_, inspection_.body, token);
}

void MessageEdit::clean_locations(http::Fields& fields, std::string_view token) const {
  for (std::size_t i = 0; i < fields.all().size(); ++i) {
    const http::Field& field = fields.all()[i];
    const bool is_refresh = http::same_name(field.name, "Refresh");
    const bool is_location =
        http::same_name(field.name, "Location") || http::same_name(field.name, "Content-Location");
    if (!is_location && !is_refresh) continue;
    std::string value(field.value);
    const bool was_cleaned = is_location && editor_->clean_location(value);
    const bool had_token = remove_each(value, token);
    if (was_cleaned || had_token) fields.set_value(i, value);
  }
}

MessageEdit::AnswerUse MessageEdit::begin_answer(const http::ResponseHead& head,
                                                 std::size_t limit) {
  if (!edits_answer_ || head.status != 200 || head.body.kind == http::Framing::none) {
    return AnswerUse::as_it_is;
  }
  const http::Field* type = head.fields.find("Content-Type");
  if (type == nullptr || !auth::is_xml(type->value) || has_content_coding(head.fields)) {
    return AnswerUse::as_it_is;
  }
  answer_limit_ = limit;
  return is_known_longer(head.body, limit) ? AnswerUse::too_large : AnswerUse::edited;
}

bool MessageEdit::add_to_answer(std::string_view data) {
  if (data.size() > answer_limit_ - answer_.size()) return false;
  append_growing(answer_, data, 0, answer_limit_);
  return true;
}

std::size_t MessageEdit::start_answer(std::string address) {
  // A configured prefix may have characters that mean something in XML.
  address_ = auth::xml_escape(address);
  address_places_ = editor_->address_places(answer_);
  answer_pieces_.start(answer_, address_places_, address_);
  return auth::length_with_token(answer_.size(), address_places_, address_.size());
}

}  // namespace vsaproxy::relay
