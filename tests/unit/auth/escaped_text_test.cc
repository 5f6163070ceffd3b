#include "proxy/auth/escaped_text.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

// Places `length` bytes at the first "mark" of the decoded text; the outer text with "T" there.
std::string edited(std::string_view outer, const EscapedText& text, std::string_view mark,
                   std::string before = "", std::string after = "") {
  const std::size_t at = text.text().find(mark);
  REQUIRE(at != std::string::npos);
  const auto places = text.outer_places({{at, mark.size(), std::move(before), std::move(after)}});
  if (!places) {
    CHECK(places.error().kind == base::ErrorKind::bad_request);
    return "refused";
  }
  return with_token(outer, *places, "T");
}

std::string query_edited(std::string_view raw, std::string_view mark, std::string before = "",
                         std::string after = "") {
  return edited(raw, decode_query_text(raw, 0), mark, std::move(before), std::move(after));
}

// Pieces that stand one behind the other, each with what it means.
struct Piece {
  std::string_view raw;
  std::string_view text;
  Escape escape;
};

EscapedText text_of(const std::vector<Piece>& pieces, std::string& outer) {
  EscapedText text;
  for (const Piece& piece : pieces) {
    text.append(piece.text, {outer.size(), outer.size() + piece.raw.size()}, piece.escape);
    outer.append(piece.raw);
  }
  return text;
}

std::vector<std::string> parts_of(std::string_view query, std::size_t begin = 0) {
  std::vector<std::string> parts;
  const std::string outer = std::string(begin, '?') + std::string(query);
  for (const QueryPart& part : query_parts(query, begin)) {
    parts.push_back(fmt::format("{}{}{}", part.name.of(outer), part.has_value ? " is " : "",
                                part.value.of(outer)));
  }
  return parts;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a query is decoded as .NET reads it") {
  const auto [raw, text] = GENERATE(table<std::string_view, std::string_view>({
      {"", ""},
      {"abc", "abc"},
      {"a+b%20c", "a b c"},
      {"%3Ca%3e", "<a>"},
      {"%u003Ca%U003e", "<a>"},
      {"%E2%82%AC%u20ac", "\xE2\x82\xAC\xE2\x82\xAC"},
      {"%u00e9", "\xC3\xA9"},
      {"%uD83D%uDE00", "??"},
      {"%", "%"},
      {"%%41", "%A"},
      {"%4", "%4"},
      {"%4g%g4", "%4g%g4"},
      {"%u", "%u"},
      {"%u00", "%u00"},
      {"%u00g0", "%u00g0"},
      {"%u41", "%u41"},
      {"%00", std::string_view("\0", 1)},
  }));
  CAPTURE(raw);
  CHECK(decode_query_text(raw, 0).text() == text);
}

TEST_CASE("a place of the decoded text is one of the escaped bytes") {
  CHECK(query_edited("a+b", "a") == "T+b");
  CHECK(query_edited("%3Ca%3E1%3C/a%3E", "1") == "%3Ca%3ET%3C/a%3E");
  CHECK(query_edited("x%3C1%3Ey", "<1>") == "xTy");
  CHECK(query_edited("x%31%32y", "12") == "xTy");
  CHECK(query_edited("x%u0031y", "1") == "xTy");
  CHECK(query_edited("abc", "b", "<", "> &") == "a%3CT%3E+%26c");
}

TEST_CASE("places at the ends, of no length, and several of them are found") {
  constexpr std::string_view raw = "%3Cab%3E";
  const EscapedText text = decode_query_text(raw, 10);
  const std::string outer = std::string(10, '-') + std::string(raw) + "--";
  const auto places =
      text.outer_places({{0, 0, "", ""}, {1, 1, "", ""}, {2, 0, "", ""}, {4, 0, "", ""}});
  REQUIRE(places);
  CHECK(with_token(outer, *places, "T") == "----------T%3CTTb%3ET--");
}

TEST_CASE("a place within one character of several bytes is refused") {
  const EscapedText text = decode_query_text("%u20AC", 0);
  REQUIRE(text.text().size() == 3);
  CHECK_FALSE(text.outer_places({{1, 0, "", ""}}));
  CHECK_FALSE(text.outer_places({{0, 1, "", ""}}));
  CHECK_FALSE(text.outer_places({{1, 2, "", ""}}));
  CHECK(text.outer_places({{0, 3, "", ""}}));
}

TEST_CASE("what is put in is written as the text around it") {
  std::string outer;
  const EscapedText text = text_of({{"&lt;", "<", Escape::xml},
                                    {"one", "one", Escape::xml},
                                    {"&gt;", ">", Escape::xml},
                                    {"<two>", "<two>", Escape::none}},
                                   outer);
  CHECK(text.text() == "<one><two>");
  CHECK(edited(outer, text, "one", "<\"", "&'>") == "&lt;&lt;&quot;T&amp;&apos;&gt;&gt;<two>");
  CHECK(edited(outer, text, "two", "<\"", "&'>") == "&lt;one&gt;<<\"T&'>>");
  CHECK(edited(outer, text, "<one>") == "T<two>");
}

TEST_CASE("a place from one form of escape into another is refused") {
  std::string outer;
  const EscapedText text =
      text_of({{"a", "a", Escape::xml}, {"b", "b", Escape::none}, {"c", "c", Escape::xml}}, outer);
  CHECK(edited(outer, text, "ab") == "refused");
  CHECK(edited(outer, text, "bc") == "refused");
  CHECK(edited(outer, text, "b") == "aTc");
}

TEST_CASE("what would end a CDATA section is not put into one") {
  std::string outer;
  const EscapedText text = text_of({{"ab", "ab", Escape::none}}, outer);
  CHECK(edited(outer, text, "a", "]]>", "") == "refused");
  CHECK(edited(outer, text, "a", "", "x]]>") == "refused");
  CHECK(edited(outer, text, "a", "]]", "") == "]]Tb");
  std::string escaped;
  const EscapedText other = text_of({{"ab", "ab", Escape::xml}}, escaped);
  CHECK(edited(escaped, other, "a", "]]>", "") == "]]&gt;Tb");
}

TEST_CASE("a place over the bounds of pieces keeps to the outer bytes of its ends") {
  // Two CDATA sections, or a comment, stand between what is one text.
  EscapedText text;
  text.append("ab", {9, 11}, Escape::none);
  text.append("cd", {23, 25}, Escape::none);
  const std::string outer = "<![CDATA[ab]]><![CDATA[cd]]>";
  CHECK(edited(outer, text, "a") == "<![CDATA[Tb]]><![CDATA[cd]]>");
  CHECK(edited(outer, text, "b") == "<![CDATA[aT]]><![CDATA[cd]]>");
  CHECK(edited(outer, text, "c") == "<![CDATA[ab]]><![CDATA[Td]]>");
  CHECK(edited(outer, text, "bc") == "<![CDATA[aTd]]>");
}

TEST_CASE("an empty text has no places") {
  const EscapedText empty;
  CHECK(empty.text().empty());
  CHECK_FALSE(empty.outer_places({{0, 0, "", ""}}));
  CHECK(empty.outer_places({})->empty());
  EscapedText still;
  still.append("", {5, 5}, Escape::xml);
  CHECK_FALSE(still.outer_places({{0, 0, "", ""}}));
}

TEST_CASE("a text beyond its limit is said to be too long, and takes no more") {
  EscapedText text;
  const std::string most(EscapedText::most_bytes, 'x');
  text.append(most, {0, most.size()}, Escape::xml);
  CHECK_FALSE(text.is_too_long());
  text.append("y", {most.size(), most.size() + 1}, Escape::xml);
  CHECK(text.is_too_long());
  CHECK(text.text().size() == most.size());
  text.append("", {most.size(), most.size()}, Escape::xml);
  CHECK(text.is_too_long());
}

TEST_CASE("a query is parted at ampersands, a part at its first equals sign") {
  CHECK(parts_of("").empty());
  CHECK(parts_of("a") == Strings{"a"});
  CHECK(parts_of("a=") == Strings{"a is "});
  CHECK(parts_of("=b") == Strings{" is b"});
  CHECK(parts_of("a=b=c&d") == Strings{"a is b=c", "d"});
  CHECK(parts_of("&&a=1&", 7) == Strings{"", "", "a is 1"});
  CHECK(parts_of("a;b=1&c%3D=2") == Strings{"a;b is 1", "c%3D is 2"});
}

TEST_CASE("a part without a value has its place behind the name") {
  const auto parts = query_parts("ab&c", 100);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].value.begin == 102);
  CHECK(parts[0].value.empty());
  CHECK(parts[1].name.begin == 103);
  CHECK(parts[1].value.begin == 104);
}
