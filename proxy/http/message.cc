#include "proxy/http/message.h"

namespace vsaproxy::http {

RequestHead RequestHead::clone() const {
  RequestHead copy;
  copy.fields = fields.clone();
  copy.method = copy.fields.keep(method);
  copy.target = copy.fields.keep(target);
  copy.version = version;
  copy.body = body;
  return copy;
}

void RequestHead::clear() {
  method = target = {};
  version = Version::http_1_1;
  fields.clear();
  body = {};
}

ResponseHead ResponseHead::clone() const {
  ResponseHead copy;
  copy.status = status;
  copy.fields = fields.clone();
  copy.reason = copy.fields.keep(reason);
  copy.version = version;
  copy.body = body;
  return copy;
}

void ResponseHead::clear() {
  status = 0;
  reason = {};
  version = Version::http_1_1;
  fields.clear();
  body = {};
}

}  // namespace vsaproxy::http
