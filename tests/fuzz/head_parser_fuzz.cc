// Heads against another parser: what ours accepts, http-parser accepts with the same framing; and a
// head that is written and read again is the same head. The first byte chooses what is read.

#include <http_parser.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/text.h"
#include "proxy/http/head_parser.h"
#include "proxy/http/name_set.h"
#include "proxy/http/serializer.h"
#include "proxy/http/target.h"
#include "tests/fuzz/check.h"
#include "tests/unit/http/transcript.h"

namespace vsaproxy::http {

namespace {

using fuzz::check;

// What http-parser says about a head.
struct Opinion {
  bool is_head = false;
  bool is_unknown_method = false;
  BodyFraming framing;  // length, chunked or none
};

int on_head(http_parser* parser) {
  auto& opinion = *static_cast<Opinion*>(parser->data);
  opinion.is_head = true;
  if ((parser->flags & F_CHUNKED) != 0) {
    opinion.framing = {Framing::chunked, 0};
  } else if ((parser->flags & F_CONTENTLENGTH) != 0) {
    opinion.framing = {Framing::length, parser->content_length};
  }
  return 1;  // no body is read
}

Opinion ask(http_parser_type type, std::string head) {
  // It takes only spaces for white space behind a coding.
  std::replace(head.begin(), head.end(), '\t', ' ');
  Opinion opinion;
  http_parser parser;
  http_parser_init(&parser, type);
  parser.data = &opinion;
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_headers_complete = on_head;
  http_parser_execute(&parser, &settings, head.data(), head.size());
  opinion.is_unknown_method = HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD;
  return opinion;
}

// http-parser takes "Transfer-Encodings" for a sign of a transfer coding.
bool confuses_http_parser(const Fields& fields) {
  constexpr std::string_view name = "Transfer-Encoding";
  return std::any_of(fields.all().begin(), fields.all().end(), [&](const Field& field) {
    return field.name.size() > name.size() && base::starts_with_ignoring_case(field.name, name);
  });
}

// Fields without those that the serializer decides.
std::string describe_content(const Fields& fields) {
  Fields kept = fields.clone();
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"}) {
    kept.remove_if([name](const Field& field) { return same_name(field.name, name); });
  }
  std::string out;
  describe(out, kept);
  return out;
}

std::optional<std::string> gather(std::string_view input, HeadGatherer::Leading leading) {
  HeadGatherer gatherer(HeadLimits{}, leading);
  const auto section = gatherer.gather(input);
  if (!section || !*section) return std::nullopt;
  return std::string(**section);
}

// A head that was taken whole is the one that is found and parsed.
void check_taken(std::string_view input, const std::optional<std::string>& bytes,
                 const RequestHead& parsed) {
  RequestHead head;
  std::string_view rest = input;
  if (!take_request_head(rest, HeadLimits{}, head)) return;
  check(bytes && input.substr(0, input.size() - rest.size()) == *bytes,
        "a request's head ends where it was taken to end");
  check(describe(head) == describe(parsed), "a request's head is taken as it is parsed");
}

void check_taken(std::string_view method, std::string_view input,
                 const std::optional<std::string>& bytes, const ResponseHead& parsed) {
  ResponseHead head;
  std::string_view rest = input;
  if (!take_response_head(rest, HeadLimits{}, method, head)) return;
  check(bytes && input.substr(0, input.size() - rest.size()) == *bytes,
        "an answer's head ends where it was taken to end");
  check(describe(head) == describe(parsed), "an answer's head is taken as it is parsed");
}

void fuzz_request(std::string_view input) {
  const auto bytes = gather(input, HeadGatherer::Leading::one_empty_line);
  RequestHead head;
  const bool is_parsed = bytes && parse_request_head(*bytes, HeadLimits{}, head);
  check_taken(input, is_parsed ? bytes : std::nullopt, head);
  if (!is_parsed) return;
  if (parse_target(head.method, head.target) && !confuses_http_parser(head.fields)) {
    const Opinion opinion = ask(HTTP_REQUEST, *bytes);
    if (!opinion.is_unknown_method) {
      check(opinion.is_head, "http-parser accepts the request");
      check(opinion.framing == head.body, "http-parser sees the same framing of the request");
    }
  }
  if (!head.fields.has("Host")) head.fields.add("Host", "localhost");
  std::string written;
  append_request_head(written, head);
  RequestHead again;
  check(parse_request_head(written, HeadLimits{2 * HeadLimits{}.bytes, 101}, again).has_value(),
        "a written request is a request");
  check(again.method == head.method && again.target == head.target && again.body == head.body,
        "a written request is the same request");
  check(describe_content(again.fields) == describe_content(head.fields),
        "a written request has the same fields");
}

void fuzz_response(std::string_view method, std::string_view input) {
  const auto bytes = gather(input, HeadGatherer::Leading::nothing);
  ResponseHead head;
  const bool is_parsed = bytes && parse_response_head(*bytes, HeadLimits{}, method, head);
  check_taken(method, input, is_parsed ? bytes : std::nullopt, head);
  if (!is_parsed) return;
  std::string written;
  append_response_head(written, head);
  ResponseHead again;
  check(parse_response_head(written, HeadLimits{2 * HeadLimits{}.bytes, 101}, method, again)
            .has_value(),
        "a written response is a response");
  check(again.status == head.status && again.reason == head.reason && again.body == head.body,
        "a written response is the same response");
  check(describe_content(again.fields) == describe_content(head.fields),
        "a written response has the same fields");
  if (head.body.kind == Framing::none || confuses_http_parser(head.fields)) return;
  BodyFraming announced = head.body;
  if (announced.kind == Framing::until_close) announced = {};
  const Opinion opinion = ask(HTTP_RESPONSE, written);
  check(opinion.is_head && opinion.framing == announced, "http-parser reads what was written");
  const Opinion of_original = ask(HTTP_RESPONSE, *bytes);
  check(!of_original.is_head || of_original.framing == announced,
        "http-parser sees the same framing of the response");
}

}  // namespace

}  // namespace vsaproxy::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsaproxy::http;
  if (size == 0) return 0;
  static constexpr std::array<std::string_view, 3> methods = {"GET", "HEAD", "CONNECT"};
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Letters, so that a corpus file can be read: "Q" is a request; "R", "H", "C" are answers.
  switch (data[0]) {
    case 'R':
      fuzz_response(methods[0], input);
      break;
    case 'H':
      fuzz_response(methods[1], input);
      break;
    case 'C':
      fuzz_response(methods[2], input);
      break;
    default:
      fuzz_request(input);
  }
  return 0;
}
