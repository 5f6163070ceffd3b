#include "proxy/http/proxy_fields.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/text.h"

namespace vsaproxy::http {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Fields fields_of(const Pairs& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) fields.add(name, value);
  return fields;
}

std::string names_of(const Fields& fields) {
  std::string names;
  for (const Field& field : fields.all()) names.append(field.name).append(" ");
  return names;
}

std::vector<std::string> spellings_of(const std::string& name) {
  std::string upper = name, lower = base::lower(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  std::vector<std::string> spellings = {name, upper, lower};
  for (std::string spelling : {name, upper, lower}) {
    std::replace(spelling.begin(), spelling.end(), '-', '_');
    spellings.push_back(spelling);
  }
  return spellings;
}

std::string location_of(std::string_view location, std::string_view prefix) {
  const Origin upstream{"https", "vsa.example.com", 443};
  Fields fields;
  fields.add("Location", location);
  rewrite_location(fields, {upstream, "http", "localhost:3128", prefix});
  return std::string(fields.find("Location")->value);
}

}  // namespace

TEST_CASE("hop-by-hop fields and those named in Connection are removed") {
  Fields fields = fields_of({{"Connection", "X-One, close"},
                             {"X-One", "1"},
                             {"x_one", "1"},
                             {"Keep-Alive", "5"},
                             {"Proxy-Authorization", "Basic eA=="},
                             {"proxy-connection", "keep-alive"},
                             {"Proxy_Anything", "1"},
                             {"TE", "trailers"},
                             {"Trailer", "X-Sum"},
                             {"Transfer-Encoding", "chunked"},
                             {"Transfer_Encoding", "chunked"},
                             {"Upgrade", "h2c"},
                             {"HTTP2-Settings", "AA"},
                             {"connection", "x-two"},
                             {"X-Two", "2"},
                             {"X-Stays", "3"}});
  strip_hop_by_hop(fields);
  CHECK(names_of(fields) == "X-Stays ");
}

TEST_CASE("a request loses what is not for the upstream") {
  RequestHead head;
  head.fields = fields_of({{"Host", "localhost:3128"},
                           {"Authorization", "Basic eA=="},
                           {"Cookie", "a=b"},
                           {"Expect", "100-continue"},
                           {"Forwarded", "for=x"},
                           {"X-Forwarded-For", "x"},
                           {"X-Forwarded-Uri", "/"},
                           {"X_Name", "x"},
                           {"Content-Length", "5"},
                           {"Proxy-Authorization", "Basic eA=="},
                           {"Accept", "*/*"}});
  head.body = {Framing::length, 5};
  prepare_request_fields(head, {.host = "vsa.example.com"});
  CHECK(names_of(head.fields) == "Host Accept Via ");
  CHECK(head.fields.find("Host")->value == "vsa.example.com");
  CHECK(head.fields.find("Via")->value == "1.1 vsaproxy");
  CHECK(head.body == BodyFraming{Framing::length, 5});
}

// Alone: questions about a head are answered by what else is in it, too.
TEST_CASE("each field that is not for the upstream goes in any spelling, if it comes alone") {
  for (const std::string name :
       {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
        "HTTP2-Settings", "Proxy-Authorization", "Proxy-Connection", "Content-Length", "Expect",
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Uri", "Authorization", "Cookie", "Cookie2",
        "X_Name"}) {
    for (const std::string& spelling : spellings_of(name)) {
      CAPTURE(spelling);
      RequestHead head;
      head.fields = fields_of({{"Host", "localhost"}, {spelling, "x"}, {"Accept", "*/*"}});
      prepare_request_fields(head, {.host = "vsa.example.com"});
      CHECK(names_of(head.fields) == "Host Accept Via ");
    }
  }
}

TEST_CASE("Authorization and cookies pass where the policy says so") {
  RequestHead head;
  head.fields = fields_of({{"Authorization", "Basic eA=="}, {"Cookie", "a=b"}, {"Via", "1.1 x"}});
  head.version = Version::http_1_0;
  prepare_request_fields(
      head, {.host = "h", .authorization = Treatment::pass, .cookies = Treatment::pass});
  CHECK(names_of(head.fields) == "Authorization Cookie Via Host Via ");
  CHECK(head.fields.all().back().value == "1.0 vsaproxy");
}

TEST_CASE("Connection cannot name away what is set later") {
  RequestHead head;
  head.fields = fields_of({{"Connection", "Host, Via, Authorization"}, {"Host", "localhost"}});
  prepare_request_fields(head, {.host = "vsa.example.com"});
  head.fields.set("Authorization", "Bearer x");
  CHECK(names_of(head.fields) == "Host Via Authorization ");
}

TEST_CASE("an answer loses what could reveal a credential or be taken for ours") {
  ResponseHead head;
  head.status = 200;
  head.body = {Framing::length, 5};
  head.fields = fields_of({{"Content-Length", "5"},
                           {"Set-Cookie", "a=b"},
                           {"Set-Cookie2", "a=b"},
                           {"set_cookie", "a=b"},
                           {"Access-Control-Allow-Origin", "*"},
                           {"Authorization", "Bearer x"},
                           {"Proxy-Authenticate", "Basic"},
                           {"Authentication-Info", "x"},
                           {"Proxy-Authentication-Info", "x"},
                           {"WWW-Authenticate", "Basic"},
                           {"X-Proxy-Error", "login_rejected"},
                           {"Proxy-Status", "x"},
                           {"Content-Type", "text/plain"}});
  prepare_response_fields(head, {});
  CHECK(names_of(head.fields) == "Content-Type Via ");
}

TEST_CASE("each field that is not for the client goes in any spelling, if it comes alone") {
  for (const std::string name :
       {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
        "Proxy-Authenticate", "Proxy-Status", "Content-Length", "Authorization",
        "Authentication-Info", "X-Proxy-Error", "WWW-Authenticate", "Set-Cookie", "Set-Cookie2",
        "Access-Control-Allow-Origin"}) {
    for (const std::string& spelling : spellings_of(name)) {
      CAPTURE(spelling);
      ResponseHead head;
      head.body = {Framing::length, 5};
      head.fields = fields_of({{"Server", "x"}, {spelling, "x"}, {"Accept-Ranges", "none"}});
      prepare_response_fields(head, {});
      CHECK(names_of(head.fields) == "Server Accept-Ranges Via ");
    }
  }
}

TEST_CASE("cookies, CORS and challenges pass where the policy says so") {
  ResponseHead head;
  head.status = 401;
  head.version = Version::http_1_0;
  head.fields = fields_of({{"Set-Cookie", "a=b"},
                           {"Set-Cookie", "c=d"},
                           {"Access-Control-Allow-Origin", "*"},
                           {"WWW-Authenticate", "Basic"},
                           {"Content-Length", "500"}});
  prepare_response_fields(
      head, {.cookies = Treatment::pass, .cors = Treatment::pass, .authenticate = Treatment::pass});
  CHECK(names_of(head.fields) ==
        "Set-Cookie Set-Cookie Access-Control-Allow-Origin WWW-Authenticate Content-Length Via ");
  CHECK(head.fields.find("Via")->value == "1.0 vsaproxy");
}

TEST_CASE("trailers keep only what cannot change the meaning of the head") {
  Fields trailers = fields_of({{"X-Sum", "1"},
                               {"Content-Length", "9"},
                               {"Transfer-Encoding", "gzip"},
                               {"Host", "x"},
                               {"Authorization", "x"},
                               {"Set-Cookie", "a=b"},
                               {"Content-Type", "x"},
                               {"Cache_Control", "x"},
                               {"Access-Control-Allow-Origin", "*"},
                               {"X-Proxy-Error", "x"},
                               {"Proxy-Status", "x"},
                               {"Server-Timing", "x"}});
  filter_trailers(trailers);
  CHECK(names_of(trailers) == "X-Sum Server-Timing ");
}

TEST_CASE("a location at the upstream's own origin becomes the client's") {
  CHECK(location_of("https://vsa.example.com/a?b#c", "") == "http://localhost:3128/a?b#c");
  CHECK(location_of("HTTPS://VSA.example.com:443/a", "") == "http://localhost:3128/a");
  CHECK(location_of("https://vsa.example.com", "") == "http://localhost:3128/");
  CHECK(location_of("https://vsa.example.com?a", "") == "http://localhost:3128/?a");
  CHECK(location_of("//vsa.example.com/a", "") == "http://localhost:3128/a");
  CHECK(location_of("https://vsa.example.com/a", "/vsa") == "http://localhost:3128/vsa/a");
  CHECK(location_of("https://vsa.example.com", "/vsa") == "http://localhost:3128/vsa");
  CHECK(location_of("/a?b", "/vsa") == "/vsa/a?b");
}

TEST_CASE("any other location stays as it is") {
  for (const char* location :
       {"https://other.example.com/a", "http://vsa.example.com/a", "https://vsa.example.com:444/a",
        "https://user@vsa.example.com/a", "https://vsa.example.com.evil.example/a", "a/b", "?a", "",
        "//other.example.com/a", "https:vsa.example.com", "mailto:x@vsa.example.com",
        "https://vsa.example.com\\@evil.example/", "/\\evil.example"}) {
    CAPTURE(location);
    CHECK(location_of(location, "/vsa") == location);
  }
  CHECK(location_of("/a", "") == "/a");
}

TEST_CASE("Content-Location is mapped as Location is") {
  const Origin upstream{"https", "vsa.example.com", 443};
  Fields fields = fields_of(
      {{"content-location", "https://vsa.example.com/a"}, {"Link", "https://vsa.example.com/b"}});
  rewrite_location(fields, {upstream, "http", "localhost", {}});
  CHECK(fields.all()[0].value == "http://localhost/a");
  CHECK(fields.all()[1].value == "https://vsa.example.com/b");
}

TEST_CASE("cookie paths get the stripped prefix back") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a=b; Path=/; HttpOnly", "a=b; Path=/vsa; HttpOnly"},
      {"a=b; path = /api ;Secure", "a=b; path = /vsa/api ;Secure"},
      {"a=b; Path=/x; Path=/y", "a=b; Path=/x; Path=/vsa/y"},
      {"a=b", "a=b"},
      {"path=/; Secure", "path=/; Secure"},
      {"a=b; Path=x", "a=b; Path=x"},
      {"a=b; Path", "a=b; Path"},
  };
  for (const auto& [received, expected] : cases) {
    Fields fields = fields_of({{"Set-Cookie", received}});
    rewrite_cookie_paths(fields, "/vsa");
    CHECK(fields.all()[0].value == expected);
    Fields untouched = fields_of({{"Set-Cookie", received}});
    rewrite_cookie_paths(untouched, "");
    CHECK(untouched.all()[0].value == received);
  }
}

TEST_CASE("codings that cannot be looked into are not asked for") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"gzip, deflate, br", "gzip, deflate"},
      {"br;q=1.0, GZIP ; q=0.8, *;q=0.1", "GZIP ; q=0.8"},
      {"identity;q=0.5, zstd", "identity;q=0.5"},
      {"br", "identity"},
      {"*", "identity"},
      {"", "identity"},
      {"gzipx", "identity"},
  };
  for (const auto& [received, expected] : cases) {
    Fields fields = fields_of({{"Accept-Encoding", received}});
    cut_accept_encoding(fields);
    CHECK(fields.find("Accept-Encoding")->value == expected);
  }
  Fields two = fields_of({{"Accept-Encoding", "br, gzip"}, {"accept-encoding", "deflate"}});
  cut_accept_encoding(two);
  REQUIRE(two.all().size() == 1);
  CHECK(two.all()[0].value == "gzip, deflate");
  Fields none;
  cut_accept_encoding(none);
  CHECK(none.all().empty());
}

TEST_CASE("an answer that is to be edited is asked for whole and in no coding") {
  Fields fields = fields_of({{"accept-encoding", "gzip"},
                             {"Range", "bytes=0-1"},
                             {"Accept-Encoding", "br"},
                             {"if-range", "\"1\""},
                             {"If-None-Match", "\"1\""},
                             {"Accept-Ranges", "bytes"}});
  ask_for_editable_answer(fields);
  CHECK(names_of(fields) == "accept-encoding If-None-Match Accept-Ranges ");
  CHECK(fields.find("Accept-Encoding")->value == "identity");
  Fields none;
  ask_for_editable_answer(none);
  CHECK(names_of(none) == "Accept-Encoding ");
  CHECK(none.find("Accept-Encoding")->value == "identity");
}

TEST_CASE("what states something about the bytes of a body goes when it was edited") {
  Fields fields = fields_of({{"Content-MD5", "1"},
                             {"digest", "sha-256=1"},
                             {"Content-Type", "text/xml"},
                             {"Content-Digest", "sha-256=:1:"},
                             {"REPR-DIGEST", "sha-256=:1:"},
                             {"ETag", "\"1\""},
                             {"etag", "W/\"2\""},
                             {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"},
                             {"Accept-Ranges", "bytes"},
                             {"X-ETag", "3"},
                             {"Want-Digest", "sha-256"}});
  drop_body_statements(fields);
  CHECK(names_of(fields) == "Content-Type Last-Modified X-ETag Want-Digest ");
  Fields none;
  drop_body_statements(none);
  CHECK(none.all().empty());
}

}  // namespace vsaproxy::http
