#include "proxy/http/serializer.h"

#include <catch2/catch.hpp>

#include "proxy/http/head_parser.h"
#include "tests/bench/micro/inputs.h"

namespace vsaproxy::http {
namespace {

RequestHead request(std::string_view bytes) {
  RequestHead head;
  REQUIRE(parse_request_head(bytes, HeadLimits{}, head));
  return head;
}

}  // namespace

TEST_CASE("writing the head of a request", "[serializer]") {
  const RequestHead small = request(bench::curl_get);
  const RequestHead large = request(bench::browser_get);
  std::string out;
  BENCHMARK("curl's GET") {
    out.clear();
    append_request_head(out, small);
    return out.size();
  };
  BENCHMARK("GET with 12 fields") {
    out.clear();
    append_request_head(out, large);
    return out.size();
  };
  BENCHMARK("GET with 12 fields, into a new string") {
    std::string fresh;
    append_request_head(fresh, large);
    return fresh;
  };
}

TEST_CASE("writing the head of an answer", "[serializer]") {
  ResponseHead head;
  REQUIRE(parse_response_head(bench::vsa_answer_head, HeadLimits{}, "GET", head));
  std::string out;
  BENCHMARK("VSA's JSON answer") {
    out.clear();
    append_response_head(out, head);
    return out.size();
  };
}

}  // namespace vsaproxy::http
