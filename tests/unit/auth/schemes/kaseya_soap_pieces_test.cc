// SOAP messages put together from odd pieces: what is edited can be edited again, and then nothing
// changes. The pieces are drawn by a fixed rule, so that every run has the same messages.

#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <span>
#include <string>

#include "proxy/auth/schemes/kaseya_soap_body.h"

using namespace vsaproxy::auth;

namespace {

constexpr std::string_view token = "91422713194722770576449885";

class Maker {
 public:
  // With the fragments that fit: mostly well-formed ones, some that are not.
  std::string message() {
    return fmt::format(
        "{}<{}:Envelope xmlns:{}=\"http://schemas.xmlsoap.org/soap/envelope/\">{}<{}:Body>{}{}</{}:"
        "Body></{}:Envelope>{}",
        any(starts), "s", "s", any(gaps), "s", any(gaps), operation(), "s", "s", any(gaps));
  }

 private:
  std::string_view any(std::span<const std::string_view> of) { return of[random_() % of.size()]; }
  bool one_in(unsigned n) { return random_() % n == 0; }

  std::string element(std::string_view name, std::string_view content) {
    if (content.empty() && one_in(2))
      return fmt::format("<{}{}{}/>", name, any(attributes), any(spaces));
    return fmt::format("<{}{}{}>{}</{}{}>", name, any(attributes), any(spaces), content, name,
                       any(spaces));
  }

  std::string session(std::string_view prefix) {
    return element(fmt::format("{}SessionID", prefix), any(contents));
  }

  std::string request(std::string_view prefix) {
    std::string content(any(contents));
    while (one_in(2)) content += one_in(3) ? any(gaps) : session(prefix);
    return element(fmt::format("{}req", prefix), content + std::string(any(contents)));
  }

  // As text, in one escape after the other.
  std::string text_of(std::string_view xml) {
    std::string text;
    const unsigned form = random_() % 4;
    if (form == 0 && xml.find("]]>") == std::string_view::npos) {
      return fmt::format("<![CDATA[{}]]>", xml);
    }
    for (const char c : xml) {
      if (c == '<' || c == '&') {
        text += form == 1 ? fmt::format("&#{};", int{c}) : c == '<' ? "&lt;" : "&amp;";
      } else if (form == 2 && one_in(8)) {
        text += fmt::format("&#x{:x};", int{static_cast<unsigned char>(c)});
      } else if (form == 3 && one_in(20)) {
        text += fmt::format("<!--x-->{}", c);
      } else {
        text += c;
      }
    }
    return text;
  }

  std::string operation() {
    const std::string_view prefix = any(prefixes);
    const std::string declared = prefix.empty() ? "xmlns" : "xmlns:" + std::string(prefix, 0, 1);
    const bool is_primitive = one_in(3);
    std::string content(any(gaps));
    if (is_primitive) {
      const std::string inner = element("GetX", one_in(2) ? session("") : request(""));
      content += fmt::format("<{0}XmlRequest>{1}</{0}XmlRequest>", prefix, text_of(inner));
    } else if (!one_in(8)) {
      content += request(one_in(5) ? any(prefixes) : prefix);
      if (one_in(4)) content += request(prefix);
    }
    const std::string name = fmt::format("{}{}", prefix, is_primitive ? "PrimitiveX" : "GetX");
    return fmt::format("<{} {}='KaseyaWS'{}>{}</{}>", name, declared, any(attributes), content,
                       name);
  }

  static constexpr std::array<std::string_view, 4> starts = {
      "", "\xEF\xBB\xBF", "<?xml version='1.0' encoding='utf-8'?>\r\n", "<!-- <SessionID/> -->"};
  static constexpr std::array<std::string_view, 5> gaps = {"", " ", "\r\n\t", "<!-- > -->",
                                                           "<?p <SessionID>?>"};
  static constexpr std::array<std::string_view, 3> spaces = {"", " ", "\n"};
  static constexpr std::array<std::string_view, 3> prefixes = {"", "k:", "s:"};
  static constexpr std::array<std::string_view, 9> attributes = {
      "",
      "",
      "",
      " a='1'",
      " xmlns='KaseyaWS'",
      " xmlns:k=\"KaseyaWS\"",
      " xmlns=''",
      " i:nil='true' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'",
      " a = \"/>\" b='\"'"};
  static constexpr std::array<std::string_view, 9> contents = {"",
                                                               "",
                                                               "1",
                                                               "<A/>",
                                                               "<A>2</A>",
                                                               "<![CDATA[<SessionID>]]>",
                                                               "<SessionID>3</SessionID>",
                                                               "<req><SessionID/></req>",
                                                               "\xC3\xA9"};

  std::minstd_rand random_{1};
};

// Puts the token in, after a look at the places.
std::string edited(std::string_view body, const Inspection& inspection) {
  std::size_t done = 0;
  for (const TokenPlace& place : inspection.body) {
    REQUIRE(place.offset >= done);
    done = place.offset + place.length;
    REQUIRE(done <= body.size());
  }
  return with_token(body, inspection.body, token);
}

}  // namespace

TEST_CASE("a message of any pieces is edited so that a second edit changes nothing") {
  Maker maker;
  int count = 0, with_session = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string body = maker.message();
    const auto first = inspect_soap_body(body, "");
    if (!first) continue;
    CAPTURE(body);
    const std::string once = edited(body, *first);
    const auto second = inspect_soap_body(once, "");
    REQUIRE(second);
    REQUIRE(second->body.size() == first->body.size());
    for (const TokenPlace& place : second->body) {
      REQUIRE((place.before + place.after).empty());
      REQUIRE(once.substr(place.offset, place.length) == token);
    }
    REQUIRE(edited(once, *second) == once);
    ++count;
    with_session += first->body.empty() ? 0 : 1;
  }
  // The pieces make messages that mean something.
  CHECK(count > 5'000);
  CHECK(with_session > 4'000);
}
