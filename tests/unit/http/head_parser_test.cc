#include "proxy/http/head_parser.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/serializer.h"

namespace vsaproxy::http {

using base::ErrorKind;

namespace {

struct Refusal {
  const char* head;
  ErrorKind kind;
};

RequestHead parsed(std::string_view bytes) {
  RequestHead head;
  REQUIRE(parse_request_head(bytes, HeadLimits{}, head));
  return head;
}

ErrorKind refused(std::string_view bytes) {
  RequestHead head;
  const auto result = parse_request_head(bytes, HeadLimits{}, head);
  REQUIRE_FALSE(result);
  return result.error().kind;
}

ResponseHead parsed_response(std::string_view bytes, std::string_view method) {
  ResponseHead head;
  REQUIRE(parse_response_head(bytes, HeadLimits{}, method, head));
  return head;
}

}  // namespace

TEST_CASE("a request head is read into its parts") {
  const RequestHead head = parsed(
      "POST /a?b HTTP/1.1\r\nHost: localhost:3128\r\nX-Name: \t a b \t\r\nContent-Length: "
      "12\r\n\r\n");
  CHECK(head.method == "POST");
  CHECK(head.target == "/a?b");
  CHECK(head.version == Version::http_1_1);
  CHECK(head.body == BodyFraming{Framing::length, 12});
  REQUIRE(head.fields.all().size() == 3);
  CHECK(head.fields.all()[1].name == "X-Name");
  CHECK(head.fields.all()[1].value == "a b");
}

TEST_CASE("a head owns its bytes") {
  RequestHead head;
  {
    std::string bytes = "GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n";
    REQUIRE(parse_request_head(bytes, HeadLimits{}, head));
    bytes.assign(bytes.size(), 'x');
  }
  CHECK(head.target == "/kept");
  CHECK(head.fields.find("host")->value == "localhost");
}

TEST_CASE("parsing into the same head again allocates no new block") {
  RequestHead head;
  const std::string_view bytes = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  REQUIRE(parse_request_head(bytes, HeadLimits{}, head));
  const char* block = head.method.data();
  const Field* fields = head.fields.all().data();
  REQUIRE(parse_request_head(bytes, HeadLimits{}, head));
  CHECK(head.method.data() == block);
  CHECK(head.fields.all().data() == fields);
}

TEST_CASE("a head that is whole is taken from the front of the input as it would be parsed") {
  for (const std::string bytes :
       {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /a?b HTTP/1.1\r\nHost: a:1\r\nX: a\tb \xff: c\r\nContent-Length: 3\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n"}) {
    CAPTURE(bytes);
    std::string input = bytes + "behind";
    RequestHead head;
    std::string_view rest = input;
    REQUIRE(take_request_head(rest, HeadLimits{}, head));
    CHECK(rest == "behind");
    input.assign(input.size(), 'x');  // the head owns its bytes
    std::string taken, read;
    append_request_head(taken, head);
    append_request_head(read, parsed(bytes));
    CHECK(taken == read);
    CHECK(head.body == parsed(bytes).body);
    CHECK(head.version == parsed(bytes).version);
  }
}

TEST_CASE("an answer's head is taken likewise, with and without a reason") {
  for (const std::string start : {"HTTP/1.1 200 All right\r\n", "HTTP/1.0 200\r\n"}) {
    std::string input = start + "Content-Length: 12\r\nServer: a b\r\n\r\nbehind";
    ResponseHead head;
    std::string_view rest = input;
    REQUIRE(take_response_head(rest, HeadLimits{}, "GET", head));
    CHECK(rest == "behind");
    input.assign(input.size(), 'x');
    CHECK(head.reason == (start.size() > 15 ? "All right" : ""));
    CHECK(head.body == BodyFraming{Framing::length, 12});
    CHECK(head.fields.find("server")->value == "a b");
  }
}

TEST_CASE("a head that is not whole, not right or unusual is left where it is") {
  const std::string usual = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::vector<std::string> heads = {
      "",
      "\r\n" + usual,
      "GET / HTTP/1.1\r\nHost:a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:  a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
  };
  for (std::size_t size = 1; size < usual.size(); ++size) heads.push_back(usual.substr(0, size));
  heads.push_back("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n");
  for (const std::string& bytes : heads) {
    CAPTURE(bytes);
    RequestHead head;
    // Not a byte longer: a sanitizer sees who reads on.
    const std::vector<char> exactly(bytes.begin(), bytes.end());
    std::string_view rest(exactly.data(), exactly.size());
    CHECK_FALSE(take_request_head(rest, HeadLimits{}, head));
    CHECK(rest == bytes);
    CHECK(head.fields.all().empty());
    CHECK(head.target.empty());
  }
  RequestHead head;
  std::string_view rest = usual;
  CHECK_FALSE(take_request_head(rest, HeadLimits{usual.size() - 1, 100}, head));
  CHECK_FALSE(take_request_head(rest, HeadLimits{usual.size(), 0}, head));
  CHECK(take_request_head(rest, HeadLimits{usual.size(), 1}, head));
}

// Eight bytes are looked at together: each byte at each place of them, and of what is left over.
TEST_CASE("every control character but tab is refused at every place of a value") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_allowed = c == '\t' || (byte >= 0x20 && byte != 0x7f);
    for (std::size_t place = 1; place < 20; ++place) {
      std::string value(21, 'v');
      value[place] = c;
      const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: " + value + "\r\n\r\n";
      RequestHead head;
      std::string_view rest = bytes;
      const bool is_taken = take_request_head(rest, HeadLimits{}, head);
      const bool is_parsed = parse_request_head(bytes, HeadLimits{}, head).has_value();
      CAPTURE(byte, place);
      REQUIRE(is_taken == is_allowed);
      REQUIRE(is_parsed == is_allowed);
      if (is_allowed) REQUIRE(head.fields.find("x")->value == value);
    }
  }
}

TEST_CASE("requests that could be read in two ways are refused") {
  const std::vector<Refusal> refusals = {
      {"GET / HTTP/1.1\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ErrorKind::bad_request},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::bad_request},
      {"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\nHost: a\n\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\n", ErrorKind::bad_request},
      {"", ErrorKind::bad_request},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
       ErrorKind::ambiguous_framing},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       ErrorKind::ambiguous_framing},
      {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
       ErrorKind::ambiguous_framing},
      {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       ErrorKind::ambiguous_framing},
      {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ErrorKind::ambiguous_framing},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.head);
    CHECK(refused(refusal.head) == refusal.kind);
  }
}

TEST_CASE("the limits of a head hold exactly") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
  RequestHead out;
  CHECK(parse_request_head(head, HeadLimits{head.size(), 2}, out));
  const auto too_long = parse_request_head(head, HeadLimits{head.size() - 1, 2}, out);
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().kind == ErrorKind::headers_too_large);
  const auto too_many = parse_request_head(head, HeadLimits{head.size(), 1}, out);
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error().kind == ErrorKind::headers_too_large);
}

TEST_CASE("a content length is digits that fit into 63 bits") {
  CHECK(parse_content_length("0") == 0);
  CHECK(parse_content_length("007") == 7);
  CHECK(parse_content_length("9223372036854775807") == 9223372036854775807U);
  for (const char* text : {"", "+3", "-0", "3,3", "3 3", " 3", "0x3", "9223372036854775808"}) {
    CAPTURE(text);
    const auto length = parse_content_length(text);
    REQUIRE_FALSE(length);
    CHECK(length.error().kind == ErrorKind::ambiguous_framing);
  }
}

TEST_CASE("the framing of an answer depends on its request and status") {
  const std::string length = "Content-Length: 5\r\n\r\n";
  const BodyFraming none{};
  const BodyFraming five{Framing::length, 5};
  CHECK(parsed_response("HTTP/1.1 200 OK\r\n" + length, "GET").body == five);
  CHECK(parsed_response("HTTP/1.1 200 OK\r\n" + length, "HEAD").body == none);
  CHECK(parsed_response("HTTP/1.1 200 OK\r\n" + length, "CONNECT").body == none);
  CHECK(parsed_response("HTTP/1.1 403 No\r\n" + length, "CONNECT").body == five);
  CHECK(parsed_response("HTTP/1.1 304 Same\r\n" + length, "GET").body == none);
  CHECK(parsed_response("HTTP/1.1 204 None\r\n" + length, "GET").body == none);
  CHECK(parsed_response("HTTP/1.1 100 Go on\r\n\r\n", "GET").body == none);
  CHECK(parsed_response("HTTP/1.1 200 OK\r\n\r\n", "GET").body ==
        BodyFraming{Framing::until_close, 0});
  CHECK(parsed_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET").body ==
        BodyFraming{Framing::chunked, 0});
}

TEST_CASE("in an answer space before a colon goes and folding becomes a space") {
  const ResponseHead head = parsed_response(
      "HTTP/1.1 200 OK\r\nA \t: 1\r\nB: 2\r\n\t 3 \r\n 4\r\nContent-Length: 0\r\n\r\n", "GET");
  CHECK(head.fields.find("A")->value == "1");
  CHECK(head.fields.find("B")->value == "2 3 4");
  CHECK(head.body == BodyFraming{Framing::length, 0});
}

TEST_CASE("every fault of an answer is the upstream's") {
  for (const char* bytes :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "ICY 200 OK\r\n\r\n", ""}) {
    CAPTURE(bytes);
    ResponseHead head;
    const auto result = parse_response_head(bytes, HeadLimits{}, "GET", head);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::upstream_protocol);
  }
}

TEST_CASE("trailers are read as strictly as the fields of a request") {
  Fields fields;
  REQUIRE(parse_trailers("X-Sum: 1\r\n\r\n", HeadLimits{}, fields));
  CHECK(fields.find("x-sum")->value == "1");
  REQUIRE(parse_trailers("\r\n", HeadLimits{}, fields));
  CHECK(fields.all().empty());
  CHECK_FALSE(parse_trailers("X-Sum : 1\r\n\r\n", HeadLimits{}, fields));
  CHECK_FALSE(parse_trailers("X-Sum: 1\r\n 2\r\n\r\n", HeadLimits{}, fields));
}

TEST_CASE("a head is found at the same place however it is split") {
  const std::string head = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string bytes = head + "next";
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      HeadGatherer gatherer(HeadLimits{}, HeadGatherer::Leading::one_empty_line);
      std::string found;
      std::size_t left = 0;
      const std::string_view all = bytes;
      for (std::string_view part :
           {all.substr(0, first), all.substr(first, second - first), all.substr(second)}) {
        if (found.empty()) {
          const auto section = gatherer.gather(part);
          REQUIRE(section);
          if (*section) found = **section;
        }
        left += part.size();
      }
      REQUIRE(found == head.substr(2));
      REQUIRE(left == 4);
      REQUIRE(gatherer.is_empty());
    }
  }
}

TEST_CASE("a gatherer holds no more than the limit") {
  HeadGatherer gatherer(HeadLimits{64, 100}, HeadGatherer::Leading::nothing);
  const std::string endless(1000, 'a');
  std::string_view input = endless;
  const auto result = gatherer.gather(input);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::headers_too_large);

  HeadGatherer slow(HeadLimits{64, 100}, HeadGatherer::Leading::nothing);
  std::size_t taken = 0;
  for (bool more = true; more; ++taken) {
    std::string_view byte = "a";
    more = slow.gather(byte).has_value();
  }
  CHECK(taken == 64);
}

TEST_CASE("a CR or LF that stands alone is refused before the head is complete") {
  for (const std::string_view start : {"GET / HTTP/1.1\rX", "GET / HTTP/1.1\n", "GET /\r\r"}) {
    for (const std::size_t piece : {std::size_t{1}, start.size()}) {
      HeadGatherer gatherer(HeadLimits{}, HeadGatherer::Leading::one_empty_line);
      std::optional<ErrorKind> error;
      for (std::size_t i = 0; i < start.size() && !error; i += piece) {
        std::string_view part = start.substr(i, piece);
        const auto result = gatherer.gather(part);
        if (!result) error = result.error().kind;
      }
      CHECK(error == ErrorKind::bad_request);
    }
  }
}

TEST_CASE("another protocol is refused at its first byte") {
  HeadGatherer gatherer(HeadLimits{}, HeadGatherer::Leading::one_empty_line);
  std::string_view hello = "\x16";
  const auto result = gatherer.gather(hello);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::bad_request);
}

}  // namespace vsaproxy::http
