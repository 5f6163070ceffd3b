#include "proxy/http/message.h"

#include <catch2/catch.hpp>

namespace vsaproxy::http {

TEST_CASE("a clone does not depend on its original") {
  RequestHead copy;
  {
    RequestHead head;
    head.method = head.fields.keep("POST");
    head.target = head.fields.keep("/a");
    head.fields.add("Host", "localhost");
    head.body = {Framing::length, 5};
    copy = head.clone();
  }
  CHECK(copy.method == "POST");
  CHECK(copy.target == "/a");
  CHECK(copy.fields.find("host")->value == "localhost");
  CHECK(copy.body == BodyFraming{Framing::length, 5});

  ResponseHead answer;
  answer.status = 200;
  answer.reason = answer.fields.keep("OK");
  const ResponseHead second = answer.clone();
  answer.clear();
  CHECK(answer.status == 0);
  CHECK(second.status == 200);
  CHECK(second.reason == "OK");
}

}  // namespace vsaproxy::http
