#include "proxy/auth/schemes/kaseya_soap_query.h"

#include <catch2/catch.hpp>
#include <string>

using namespace vsaproxy;
using namespace vsaproxy::auth;

TEST_CASE("a page gets its session in the query, in place of any that is there") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {"/a", "/a?apiLogonGuid=T"},
      {"/a?", "/a?apiLogonGuid=T"},
      {"/a?b=c", "/a?b=c&apiLogonGuid=T"},
      {"/a?b=c&", "/a?b=c&apiLogonGuid=T"},
      {"/a?apiLogonGuid=1&b=c", "/a?apiLogonGuid=T&b=c"},
      {"/a?x&APILOGONGUID=1%20=&b", "/a?x&APILOGONGUID=T&b"},
      {"/a?%61piLogon%47uid=1", "/a?%61piLogon%47uid=T"},
      {"/a?%u0061piLogonGuid=1", "/a?%u0061piLogonGuid=T"},
      {"/a?apiLogonGuid", "/a?apiLogonGuid=T"},
      {"/a?apiLogonGuid=&apilogonguid=2", "/a?apiLogonGuid=T&apilogonguid=T"},
      {"/a?apiLogonGuid2=1&b=apiLogonGuid", "/a?apiLogonGuid2=1&b=apiLogonGuid&apiLogonGuid=T"},
  }));
  CAPTURE(before);
  CHECK(with_token(before, page_places(before), "T") == after);
}

TEST_CASE("the session leaves a URL again, and one inside another") {
  const auto [before, after] = GENERATE(table<std::string, std::string>({
      {"/a?apiLogonGuid=1", "/a"},
      {"https://h/a?b=1&apilogonguid=2&c=%20#d?apiLogonGuid=3",
       "https://h/a?b=1&c=%20#d?apiLogonGuid=3"},
      {"/a?%61piLogonGuid=1&b", "/a?b"},
      {"?apiLogonGuid=1#x", "#x"},
      {"/logon.asp?ReturnUrl=%2Fa%3FapiLogonGuid%3D1%26b%3D2&c=3",
       "/logon.asp?ReturnUrl=%2Fa%3Fb%3D2&c=3"},
      {"/logon.asp?u=/a?apiLogonGuid=1", "/logon.asp?u=%2Fa"},
      {"/l?u=%2Fa%3Fv%3D%252Fb%253FapiLogonGuid%253D1", "/l?u=%2Fa%3Fv%3D%252Fb"},
      {"/a", "/a"},
      {"/a?b=c", "/a?b=c"},
      {"/a?b=%zz%&=", "/a?b=%zz%&="},
      {"/a?b=apiLogonGuid", "/a?b=apiLogonGuid"},
      {"/a#?apiLogonGuid=1", "/a#?apiLogonGuid=1"},
      {"", ""},
  }));
  CAPTURE(before);
  std::string url = before;
  CHECK(remove_logon_guid(url) == (before != after));
  CHECK(url == after);
}

TEST_CASE("parameters of an operation get the session in every form") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {"SessionID=1&a=b", "SessionID=T&a=b"},
      {"a=b&sessionid=1", "a=b&sessionid=T"},
      {"a=b", "a=b"},
      {"", ""},
      {"XmlRequest=%3CR%3E%3CSessionID%3E1%3C%2FSessionID%3E%3C%2FR%3E",
       "XmlRequest=%3CR%3E%3CSessionID%3ET%3C%2FSessionID%3E%3C%2FR%3E"},
      {"a=1&XmlRequest=<R><A+b=\"c\"/></R>&d",
       "a=1&XmlRequest=<R><A+b=\"c\"/>%3CSessionID%3ET%3C%2FSessionID%3E</R>&d"},
      {"XmlRequest=%3cR/%3e", "XmlRequest=%3cR%3E%3CSessionID%3ET%3C%2FSessionID%3E%3C%2FR%3E"},
      {"XmlRequest=", "XmlRequest="},
  }));
  CAPTURE(before);
  const auto places = operation_places(before, 0);
  REQUIRE(places);
  CHECK(with_token(before, *places, "T") == after);
}

TEST_CASE("parameters that hold no XML where the API wants it are refused") {
  const auto query =
      GENERATE("XmlRequest=1", "XmlRequest=%3CR%3E", "XmlRequest=%3C!DOCTYPE%20R%3E");
  const auto places = operation_places(query, 0);
  REQUIRE_FALSE(places);
  CHECK(places.error().kind == base::ErrorKind::bad_request);
}

TEST_CASE("as many parameters as the server takes get the session, one more is refused") {
  std::string query = "SessionID=1";
  for (int i = 1; i < 1000; ++i) query += i % 2 == 0 ? "&" : "&=";
  const auto places = operation_places(query, 0);
  REQUIRE(places);
  CHECK(places->size() == 1);
  const auto refused = operation_places(query + "&a=b", 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == base::ErrorKind::bad_request);
  CHECK(refused.error().detail == "the call has over 1000 parameters, more than the API takes");
}

TEST_CASE("a long form of ampersands alone is refused at once") {
  // Without a limit, each part searched to the end for a "=": for hours.
  CHECK_FALSE(operation_places(std::string(std::size_t{8} << 20, '&'), 0));
}
