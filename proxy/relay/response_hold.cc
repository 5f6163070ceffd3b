#include "proxy/relay/response_hold.h"

#include "proxy/relay/content_coding.h"

namespace vsaproxy::relay {
namespace {

std::string_view value_of(const http::Fields& fields, std::string_view name) {
  const http::Field* field = fields.find(name);
  return field == nullptr ? std::string_view() : field->value;
}

}  // namespace

bool ResponseHold::is_worth_a_look(const auth::SchemeSpec& spec, const http::ResponseHead& head) {
  if (head.status < 200 || head.status > 299 || head.body.kind == http::Framing::none) return false;
  if (head.body.kind == http::Framing::length && head.body.length > max_bytes) return false;
  return auth::may_hold_lost_session(spec, value_of(head.fields, "Content-Type")) &&
         is_readable_coding(value_of(head.fields, "Content-Encoding"));
}

bool ResponseHold::keep(std::string_view bytes) {
  if (bytes_.size() + bytes.size() > max_bytes) return false;
  bytes_.append(bytes);
  return true;
}

bool ResponseHold::says_session_lost(const auth::SchemeSpec& spec,
                                     const http::ResponseHead& head) const {
  const std::string_view type = value_of(head.fields, "Content-Type");
  const std::string_view coding = value_of(head.fields, "Content-Encoding");
  if (coding.empty()) return spec.session_lost({head.status, type, bytes_});
  const auto decoded = decode(coding, bytes_, max_decoded);
  return decoded && spec.session_lost({head.status, type, *decoded});
}

}  // namespace vsaproxy::relay
