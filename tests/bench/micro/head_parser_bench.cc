#include "proxy/http/head_parser.h"

#include <catch2/catch.hpp>

#include "tests/bench/micro/inputs.h"

namespace vsaproxy::http {
namespace {

// As a codec does it: find the end of the head, then parse into memory that is used again.
std::size_t read_request(HeadGatherer& gatherer, std::string_view input, RequestHead& head) {
  const auto section = gatherer.gather(input);
  if (!section || !*section || !parse_request_head(**section, HeadLimits{}, head)) return 0;
  return head.fields.all().size();
}

std::size_t read_response(HeadGatherer& gatherer, std::string_view input, ResponseHead& head) {
  const auto section = gatherer.gather(input);
  if (!section || !*section || !parse_response_head(**section, HeadLimits{}, "GET", head)) return 0;
  return head.fields.all().size();
}

// The head arrives in two pieces, cut in the middle.
std::size_t read_split_request(HeadGatherer& gatherer, std::string_view input, RequestHead& head) {
  auto first = input.substr(0, input.size() / 2);
  if (!gatherer.gather(first)) return 0;
  return read_request(gatherer, input.substr(input.size() / 2), head);
}

}  // namespace

TEST_CASE("reading the head of a request", "[head_parser]") {
  HeadGatherer gatherer(HeadLimits{}, HeadGatherer::Leading::one_empty_line);
  RequestHead head;
  REQUIRE(read_request(gatherer, bench::curl_get, head) == 3);
  REQUIRE(read_request(gatherer, bench::browser_get, head) == 12);
  REQUIRE(read_split_request(gatherer, bench::browser_get, head) == 12);
  BENCHMARK("curl's GET") { return read_request(gatherer, bench::curl_get, head); };
  BENCHMARK("GET with 12 fields") { return read_request(gatherer, bench::browser_get, head); };
  BENCHMARK("GET with 12 fields, in two pieces") {
    return read_split_request(gatherer, bench::browser_get, head);
  };
}

TEST_CASE("reading the head of an answer", "[head_parser]") {
  HeadGatherer gatherer(HeadLimits{}, HeadGatherer::Leading::nothing);
  ResponseHead head;
  REQUIRE(read_response(gatherer, bench::vsa_answer_head, head) == 11);
  BENCHMARK("VSA's JSON answer") { return read_response(gatherer, bench::vsa_answer_head, head); };
}

}  // namespace vsaproxy::http
