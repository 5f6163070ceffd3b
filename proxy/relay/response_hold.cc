#include "proxy/relay/response_hold.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/relay/content_coding.h"

namespace vsaproxy::relay {
namespace {

bool is_worth_a_look(const auth::SchemeSpec& spec, int status) {
  if (status >= 200 && status <= 299) return true;
  const auto& more = spec.lost_session_statuses;
  return std::find(more.begin(), more.end(), status) != more.end();
}

}  // namespace

bool ResponseHold::begin(const auth::SchemeSpec& spec, const http::ResponseHead& head) {
  if (!is_worth_a_look(spec, head.status) || head.body.kind == http::Framing::none) return false;
  if (head.body.kind == http::Framing::length && head.body.length > max_bytes) return false;
  status_ = head.status;
  type_ = coding_ = {};
  for (const http::Field& field : head.fields.all()) {
    if (base::equals_ignoring_case(field.name, "Content-Type")) type_ = field.value;
    if (base::equals_ignoring_case(field.name, "Content-Encoding")) coding_ = field.value;
  }
  return auth::may_hold_lost_session(spec, type_) && is_readable_coding(coding_);
}

void ResponseHold::clear() {
  bytes_.clear();
  type_ = coding_ = {};
}

bool ResponseHold::keep(std::string_view bytes) {
  if (bytes_.size() + bytes.size() > max_bytes) return false;
  bytes_.append(bytes);
  return true;
}

bool ResponseHold::says_session_lost(const auth::SchemeSpec& spec) const {
  if (coding_.empty()) return spec.session_lost({status_, type_, bytes_});
  const auto decoded = decode(coding_, bytes_, max_decoded);
  return decoded && spec.session_lost({status_, type_, *decoded});
}

}  // namespace vsaproxy::relay
