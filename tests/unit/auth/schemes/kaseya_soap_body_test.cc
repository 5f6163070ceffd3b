#include "proxy/auth/schemes/kaseya_soap_body.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

constexpr std::string_view token = "91422713194722770576449885";
constexpr std::string_view soap_1_1 = "http://schemas.xmlsoap.org/soap/envelope/";

std::string envelope(std::string_view content, std::string_view space = soap_1_1) {
  return fmt::format(R"(<s:Envelope xmlns:s="{}"><s:Body>{}</s:Body></s:Envelope>)", space,
                     content);
}

// The text with the token; its places are in order, and taking them out again gives the original.
std::string edited(std::string_view body, std::string_view encoding = "") {
  const auto inspection = inspect_soap_body(body, encoding);
  if (!inspection) return "refused: " + inspection.error().detail;
  CHECK(inspection->login_operation.empty());
  const std::string with = with_token(body, inspection->body, token);
  CHECK(with.size() == length_with_token(body.size(), inspection->body, token.size()));
  std::string back;
  std::size_t from = 0, done = 0;
  for (const TokenPlace& place : inspection->body) {
    REQUIRE(place.offset >= done);
    back.append(with.substr(from, place.offset - done));
    from += place.offset - done + place.before.size() + token.size() + place.after.size();
    back.append(body.substr(place.offset, place.length));
    done = place.offset + place.length;
  }
  CHECK(back.append(with.substr(from)) == body);
  return with;
}

std::string in_envelope(std::string_view content) { return edited(envelope(content)); }

std::string expected(std::string_view content) {
  return envelope(fmt::format(fmt::runtime(content), token));
}

std::string login_of(std::string_view content) {
  const auto inspection = inspect_soap_body(envelope(content), "");
  REQUIRE(inspection);
  if (!inspection->login_operation.empty()) CHECK(inspection->body.empty());
  return inspection->login_operation;
}

bool is_refused(std::string_view body, std::string_view encoding = "") {
  const auto inspection = inspect_soap_body(body, encoding);
  if (inspection) return false;
  CHECK(inspection.error().kind == base::ErrorKind::bad_request);
  return true;
}

}  // namespace

TEST_CASE("a SessionID is replaced in every spelling of its namespace") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<GetX xmlns="KaseyaWS"><req><A/><SessionID>1</SessionID></req></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><A/><SessionID>{}</SessionID></req></GetX>)"},
      {R"(<ns1:GetX xmlns:ns1="KaseyaWS"><ns1:req><ns1:SessionID>1</ns1:SessionID></ns1:req></ns1:GetX>)",
       R"(<ns1:GetX xmlns:ns1="KaseyaWS"><ns1:req><ns1:SessionID>{}</ns1:SessionID></ns1:req></ns1:GetX>)"},
      {R"(<default:GetX xmlns:default="KaseyaWS"><req><SessionID>1</SessionID></req></default:GetX>)",
       R"(<default:GetX xmlns:default="KaseyaWS"><req><SessionID>{}</SessionID></req></default:GetX>)"},
      {R"(<default:GetX xmlns:default="KaseyaWS" xmlns="KaseyaWS"><req><SessionID>1</SessionID></req></default:GetX>)",
       R"(<default:GetX xmlns:default="KaseyaWS" xmlns="KaseyaWS"><req><SessionID>{}</SessionID></req></default:GetX>)"},
      {R"(<GetX xmlns='KaseyaWS'><k:req xmlns:k="KaseyaWS"><SessionID>1</SessionID></k:req></GetX>)",
       R"(<GetX xmlns='KaseyaWS'><k:req xmlns:k="KaseyaWS"><SessionID>{}</SessionID></k:req></GetX>)"},
      {R"(<GetX xmlns="KaseyaWS"><req><SessionID xmlns="">1</SessionID></req></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><SessionID xmlns="">{}</SessionID></req></GetX>)"},
      {R"(<a:AddIncident xmlns:a="vsaServiceDeskWS"><a:req><a:SessionID/></a:req></a:AddIncident>)",
       R"(<a:AddIncident xmlns:a="vsaServiceDeskWS"><a:req><a:SessionID>{}</a:SessionID></a:req></a:AddIncident>)"},
      {R"(<GetX xmlns="&#75;aseyaWS"><req><SessionID>1</SessionID></req></GetX>)",
       R"(<GetX xmlns="&#75;aseyaWS"><req><SessionID>{}</SessionID></req></GetX>)"},
  }));
  CAPTURE(before);
  CHECK(in_envelope(before) == expected(after));
}

TEST_CASE("a SessionID is replaced whatever it holds") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {"<SessionID>9.142271319472278e+25</SessionID>", "<SessionID>{}</SessionID>"},
      {"<SessionID></SessionID>", "<SessionID>{}</SessionID>"},
      {"<SessionID/>", "<SessionID>{}</SessionID>"},
      {"<SessionID />", "<SessionID >{}</SessionID>"},
      {"<SessionID\n>\n1\n</SessionID\n>", "<SessionID\n>{}</SessionID\n>"},
      {"<SessionID><!-- 1 --><![CDATA[2]]><?p x?>&#51;<SessionID>4</SessionID></SessionID>",
       "<SessionID>{}</SessionID>"},
      {R"(<SessionID xsi:nil="true"/>)", "<SessionID>{}</SessionID>"},
      {R"(<SessionID xsi:nil = 'true' ></SessionID>)", "<SessionID>{}</SessionID>"},
      {R"(<SessionID xsi:type="xsd:string" a='>"/&gt;'>1</SessionID>)",
       "<SessionID>{}</SessionID>"},
      {R"(<SessionID xmlns:q='u' q:a="b" xmlns="KaseyaWS">1</SessionID>)",
       R"(<SessionID xmlns:q='u' xmlns="KaseyaWS">{}</SessionID>)"},
      {R"(<q:SessionID xmlns:q="KaseyaWS" xsi:nil="1"/>)",
       R"(<q:SessionID xmlns:q="KaseyaWS">{}</q:SessionID>)"},
      {"<SessionID>1</SessionID><B/><SessionID>2</SessionID>",
       "<SessionID>{0}</SessionID><B/><SessionID>{0}</SessionID>"},
      {"<!-- <SessionID>1</SessionID> --><SessionID>2</SessionID>",
       "<!-- <SessionID>1</SessionID> --><SessionID>{}</SessionID>"},
  }));
  constexpr std::string_view around =
      R"(<GetX xmlns="KaseyaWS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><req>{}</req></GetX>)";
  const std::string whole = fmt::format(fmt::runtime(around), before);
  CAPTURE(before);
  CHECK(in_envelope(whole) == expected(fmt::format(fmt::runtime(around), after)));
}

TEST_CASE("a missing SessionID becomes the last child of req, with its prefix") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<GetX xmlns="KaseyaWS"><req><A>1</A> </req></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><A>1</A> <SessionID>{}</SessionID></req></GetX>)"},
      {R"(<k:GetX xmlns:k="KaseyaWS"><k:req/></k:GetX>)",
       R"(<k:GetX xmlns:k="KaseyaWS"><k:req><k:SessionID>{}</k:SessionID></k:req></k:GetX>)"},
      {R"(<GetX xmlns="KaseyaWS"><req></req ></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><SessionID>{}</SessionID></req ></GetX>)"},
      {R"(<GetX xmlns="KaseyaWS"><req><In><SessionID>1</SessionID></In></req></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><In><SessionID>1</SessionID></In><SessionID>{}</SessionID></req></GetX>)"},
      {R"(<GetX xmlns="KaseyaWS"><req><SessionID xmlns="other">1</SessionID></req></GetX>)",
       R"(<GetX xmlns="KaseyaWS"><req><SessionID xmlns="other">1</SessionID><SessionID>{}</SessionID></req></GetX>)"},
      {R"(<k:GetX xmlns:k="KaseyaWS" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"><k:req x:nil="true"/></k:GetX>)",
       R"(<k:GetX xmlns:k="KaseyaWS" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"><k:req><k:SessionID>{}</k:SessionID></k:req></k:GetX>)"},
      {R"(<k:GetX xmlns:k="KaseyaWS"/>)",
       R"(<k:GetX xmlns:k="KaseyaWS"><k:req><k:SessionID>{}</k:SessionID></k:req></k:GetX>)"},
      {R"(<GetX xmlns="KaseyaWS"> </GetX>)",
       R"(<GetX xmlns="KaseyaWS"> <req><SessionID>{}</SessionID></req></GetX>)"},
  }));
  CAPTURE(before);
  CHECK(in_envelope(before) == expected(after));
}

TEST_CASE("passwords of other operations and SOAP headers are left alone") {
  const std::string body = fmt::format(
      R"(<e:Envelope xmlns:e="{}"><e:Header><req xmlns="KaseyaWS"><SessionID>7</SessionID></req></e:Header>)"
      R"(<e:Body><ResetPassword xmlns="KaseyaWS"><req><CoveredPassword>ab</CoveredPassword>)"
      R"(<SessionID>1</SessionID></req></ResetPassword></e:Body></e:Envelope>)",
      "http://www.w3.org/2003/05/soap-envelope");
  std::string wanted = body;
  wanted.replace(wanted.find(">1<") + 1, 1, token);
  CHECK(edited(body) == wanted);
}

TEST_CASE("a byte order mark, a declaration and line ends stay, and places are right behind them") {
  const std::string body = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n" +
                           envelope(
                               "\r\n<GetX xmlns=\"KaseyaWS\"><req>\xC3\xBC\r\n"
                               "<SessionID>1</SessionID></req></GetX>\r\n");
  std::string wanted = body;
  wanted.replace(wanted.find(">1<") + 1, 1, token);
  CHECK(edited(body) == wanted);
  CHECK(edited(body, "utf-8") == wanted);
}

TEST_CASE("encodings of one byte for a character are edited, by declaration or from outside") {
  const auto name = GENERATE("iso-8859-1", "windows-1252", "ISO-8859-15", "us-ascii");
  CAPTURE(name);
  const std::string letter = std::string_view(name) == "us-ascii" ? "u" : "\xFC\x80";
  const std::string content = envelope(fmt::format(
      "<GetX xmlns=\"KaseyaWS\"><req><A>{}</A><SessionID>1</SessionID></req></GetX>", letter));
  const std::string declared =
      fmt::format("<?xml version=\"1.0\" encoding=\"{}\"?>{}", name, content);
  const std::string other = "<?xml version=\"1.0\" encoding=\"utf-16\"?>" + content;
  for (const auto& [body, outside] :
       {std::pair(declared, ""), std::pair(content, name), std::pair(other, name)}) {
    std::string wanted = body;
    wanted.replace(wanted.find(">1<") + 1, 1, token);
    CHECK(edited(body, outside) == wanted);
  }
}

TEST_CASE("logins are found by name, and nothing of them is edited") {
  const auto [content, operation] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<Authenticate xmlns="KaseyaWS"><req><UserName>u</UserName></req></Authenticate>)",
       "Authenticate"},
      {R"(<k:AuthenticateWithAppSessionID xmlns:k="KaseyaWS"/>)", "AuthenticateWithAppSessionID"},
      {R"(<PrimitiveAuthenticate xmlns="KaseyaWS"><XmlRequest>&lt;</XmlRequest></PrimitiveAuthenticate>)",
       ""},
      {R"(<PrimitiveAuthenticate xmlns="KaseyaWS"><XmlRequest>&lt;A/&gt;</XmlRequest></PrimitiveAuthenticate>)",
       "PrimitiveAuthenticate"},
      {R"(<Authenticated xmlns="KaseyaWS"><req/></Authenticated>)", ""},
  }));
  CAPTURE(content);
  if (content.find("&lt;<") != std::string_view::npos) {
    CHECK(is_refused(envelope(content)));
  } else {
    CHECK(login_of(content) == operation);
  }
}

TEST_CASE("what is no message of the API is refused") {
  const auto body = GENERATE_COPY(
      as<std::string>(), "", " ", "text", "{}", "<a/>", "<Envelope><Body/></Envelope>",
      envelope(""), envelope("text"), envelope("<GetX><req/></GetX>"),
      envelope("<GetX xmlns=\"kaseyaws\"><req/></GetX>"),
      envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>", "urn:other"),
      envelope("<GetX xmlns=\"KaseyaWS\"><req></GetX>"), envelope("<k:GetX><req/></k:GetX>"),
      envelope("<GetX xmlns=\"KaseyaWS\"><req>&unknown;</req></GetX>"),
      envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>") + "<more/>",
      "<!DOCTYPE a>" + envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>"),
      "<!DOCTYPE a [<!ENTITY e \"x\">]>" + envelope("<GetX xmlns=\"KaseyaWS\">&e;</GetX>"),
      "<?xml version=\"1.0\" encoding=\"utf-16\"?>" +
          envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>"),
      "<?xml version=\"1.0\" encoding=\"x-unknown\"?>" +
          envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>"),
      std::string("\xFF\xFE<\0a\0", 6), std::string("<\0a\0", 4), std::string("\0<\0a", 4),
      envelope("<GetX xmlns=\"KaseyaWS\"><req>\xFC</req></GetX>"));
  CAPTURE(body);
  CHECK(is_refused(body));
}

TEST_CASE("an unknown charset is refused") {
  const auto name = GENERATE("utf-7", "utf-16", "utf-32", "ibm037", "");
  CHECK(is_refused(envelope("<GetX xmlns=\"KaseyaWS\"><req/></GetX>"), name) ==
        !std::string_view(name).empty());
}

TEST_CASE("depth and number are bounded") {
  std::string open, close;
  for (int i = 0; i < 200; ++i) {
    open += "<a>";
    close += "</a>";
  }
  CHECK(is_refused(
      envelope(fmt::format("<GetX xmlns=\"KaseyaWS\"><req>{}{}</req></GetX>", open, close))));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "<SessionID/>";
  CHECK(is_refused(envelope(fmt::format("<GetX xmlns=\"KaseyaWS\"><req>{}</req></GetX>", many))));
}

TEST_CASE("an error names the place and repeats nothing of the message") {
  const auto inspection = inspect_soap_body(envelope("\n<secretive xmlns='KaseyaWS'></b>"), "");
  REQUIRE_FALSE(inspection);
  CHECK(inspection.error().detail.find("line 2") != std::string::npos);
  CHECK(inspection.error().detail.find("secretive") == std::string::npos);
}

TEST_CASE("the XML in the string of a Primitive operation is edited in its own escapes") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {"&lt;R&gt;&lt;SessionID&gt;1&lt;/SessionID&gt;&lt;/R&gt;",
       "&lt;R&gt;&lt;SessionID&gt;{}&lt;/SessionID&gt;&lt;/R&gt;"},
      {"&#60;R>&#x3c;SessionID>1&lt;/SessionID>&lt;/R>",
       "&#60;R>&#x3c;SessionID>{}&lt;/SessionID>&lt;/R>"},
      {"<![CDATA[<R><SessionID>1</SessionID></R>]]>",
       "<![CDATA[<R><SessionID>{}</SessionID></R>]]>"},
      {"<![CDATA[<R><SessionID>1]]><![CDATA[2</SessionID></R>]]>",
       "<![CDATA[<R><SessionID>{}</SessionID></R>]]>"},
      {"&lt;R&gt;&lt;A/&gt;&lt;/R&gt;",
       "&lt;R&gt;&lt;A/&gt;&lt;SessionID&gt;{}&lt;/SessionID&gt;&lt;/R&gt;"},
      {"&lt;R/&gt;", "&lt;R&gt;&lt;SessionID&gt;{}&lt;/SessionID&gt;&lt;/R&gt;"},
      {"<![CDATA[<k:R xmlns:k='KaseyaWS'/>]]>",
       "<![CDATA[<k:R xmlns:k='KaseyaWS'><k:SessionID>{}</k:SessionID></k:R>]]>"},
      {"&lt;?xml version=\"1.0\" "
       "encoding=\"utf-16\"?&gt;\r\n&lt;R&gt;&lt;req&gt;\r\n&lt;SessionID/&gt;&lt;/req&gt;&lt;/"
       "R&gt;",
       "&lt;?xml version=\"1.0\" "
       "encoding=\"utf-16\"?&gt;\r\n&lt;R&gt;&lt;req&gt;\r\n&lt;SessionID&gt;{}&lt;/"
       "SessionID&gt;&lt;/req&gt;&lt;/R&gt;"},
      {"&lt;R&gt;\xC3\xBC&amp;amp;&lt;SessionID&gt;1&lt;/SessionID&gt;&lt;/R&gt;",
       "&lt;R&gt;\xC3\xBC&amp;amp;&lt;SessionID&gt;{}&lt;/SessionID&gt;&lt;/R&gt;"},
      {"", ""},
  }));
  constexpr std::string_view around =
      R"(<PrimitiveGetX xmlns="KaseyaWS"><XmlRequest>{}</XmlRequest></PrimitiveGetX>)";
  CAPTURE(before);
  CHECK(in_envelope(fmt::format(fmt::runtime(around), before)) ==
        expected(fmt::format(fmt::runtime(around), after)));
}

TEST_CASE("XML in a string that can't be edited is refused") {
  const auto text = GENERATE("not XML", "&lt;R&gt;", "<R/>text", "&lt;!DOCTYPE R&gt;&lt;R/&gt;",
                             "<![CDATA[<R><SessionID>1]]>2&lt;/SessionID&gt;&lt;/R&gt;");
  CAPTURE(text);
  CHECK(is_refused(envelope(fmt::format(
      R"(<PrimitiveGetX xmlns="KaseyaWS"><XmlRequest>{}</XmlRequest></PrimitiveGetX>)", text))));
}
