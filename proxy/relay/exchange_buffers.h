#pragma once
// The memory of an exchange: what it keeps of heads and bodies. The store hands it from one
// exchange to the next, empty. One thread.

#include <string>

#include "proxy/http/message.h"
#include "proxy/relay/message_edit.h"
#include "proxy/relay/request_plan.h"
#include "proxy/relay/response_hold.h"

namespace vsaproxy::relay {

struct ExchangeBuffers {
  RequestPlan plan;
  // The request's body as far as it must be kept: for a replay, or until it can be sent.
  std::string held_body;
  MessageEdit edit;
  // Written together: a head (it may hold the credential), a slice of body and a tail.
  std::string to_upstream;
  std::string tail_to_upstream;

  http::ResponseHead answer;
  http::Fields answer_trailers;  // of a kept answer
  std::string held_refused;      // its body
  ResponseHold hold;
  std::string to_client;
  std::string tail_to_client;

  // Keeps memory, as far as small messages need it.
  void clear();
  void drop_held_body();
};

}  // namespace vsaproxy::relay
