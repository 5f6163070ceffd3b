#include "proxy/auth/xml_edit.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>

using namespace vsaproxy::auth;

namespace {

// The first element of that name as it is spelt, by its tags: such documents have it once.
XmlElement element_of(std::string_view document, std::string_view name) {
  const std::string open = "<" + std::string(name);
  const std::size_t begin = document.find(open);
  REQUIRE(begin != std::string_view::npos);
  char quote = 0;
  std::size_t end = begin;
  for (; document[end] != '>' || quote != 0; ++end) {
    if (quote == 0 && (document[end] == '"' || document[end] == '\'')) {
      quote = document[end];
    } else if (document[end] == quote) {
      quote = 0;
    }
  }
  const ByteRange start{begin, end + 1};
  if (document[end - 1] == '/') return {start, {end + 1, end + 1}};
  const std::size_t close = document.rfind("</" + std::string(name));
  REQUIRE(close != std::string_view::npos);
  return {start, {close, document.find('>', close) + 1}};
}

std::string with_content(std::string_view document, std::string_view name) {
  return with_token(document, {place_of_content(document, element_of(document, name))}, "T");
}

template <std::size_t n>
std::string with_child(std::string_view document, std::string_view name,
                       const std::array<std::string_view, n>& names) {
  return with_token(document, {place_of_child(document, element_of(document, name), names)}, "T");
}

constexpr std::array<std::string_view, 1> child = {"id"};
constexpr std::array<std::string_view, 2> grandchild = {"req", "id"};

}  // namespace

TEST_CASE("a token takes the place of all that an element holds") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {"<a>1</a>", "<a>T</a>"},
      {"<a></a>", "<a>T</a>"},
      {"<a/>", "<a>T</a>"},
      {"<a />", "<a >T</a>"},
      {"<a\t\r\n/>", "<a\t\r\n>T</a>"},
      {"<a><b>1</b><!-- > --><![CDATA[<]]>&lt;<?p >?></a >", "<a>T</a >"},
      {"<p:a/>", "<p:a>T</p:a>"},
      {"<r><a>1</a><b/></r>", "<r><a>T</a><b/></r>"},
  }));
  CAPTURE(before);
  CHECK(with_content(before, before.find("<p:a") == 0 ? "p:a" : "a") == after);
}

TEST_CASE("attributes that speak of the old content go, declarations of namespaces stay") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<a x="1">2</a>)", "<a>T</a>"},
      {R"(<a x = '1' />)", "<a>T</a>"},
      {R"(<a xsi:nil="true" xmlns:xsi="u"/>)", R"(<a xmlns:xsi="u">T</a>)"},
      {R"(<a xmlns="u">2</a>)", R"(<a xmlns="u">T</a>)"},
      {R"(<a xmlns="u"/>)", R"(<a xmlns="u">T</a>)"},
      {R"(<a
  xmlns:p = 'u"v'
  x='>' y="/>" >2</a>)",
       R"(<a xmlns:p='u"v'>T</a>)"},
      {R"(<a xmlnsx="1" x:xmlns="2" xmlns:="3">2</a>)", R"(<a xmlns:="3">T</a>)"},
  }));
  CAPTURE(before);
  CHECK(with_content(before, "a") == after);
}

TEST_CASE("a token in a new child stands last, with the prefix of its parent") {
  const auto [name, before, after] =
      GENERATE(table<std::string_view, std::string_view, std::string_view>({
          {"a", "<a><b/> </a>", "<a><b/> <id>T</id></a>"},
          {"a", "<a></a>", "<a><id>T</id></a>"},
          {"a", "<a/>", "<a><id>T</id></a>"},
          {"p:a", "<p:a />", "<p:a ><p:id>T</p:id></p:a>"},
          {"p:a", "<p:a>text</p:a\n>", "<p:a>text<p:id>T</p:id></p:a\n>"},
          {"a", R"(<a x="1"/>)", R"(<a x="1"><id>T</id></a>)"},
          {"a", R"(<a x="1>"><b x='/>'/></a>)", R"(<a x="1>"><b x='/>'/><id>T</id></a>)"},
      }));
  CAPTURE(before);
  CHECK(with_child(before, name, child) == after);
}

TEST_CASE("several names make children of children, closed in turn") {
  CHECK(with_child("<p:op/>", "p:op", grandchild) == "<p:op><p:req><p:id>T</p:id></p:req></p:op>");
  CHECK(with_child("<op>x</op>", "op", grandchild) == "<op>x<req><id>T</id></req></op>");
}

TEST_CASE("an element that gets a child is nil no more, its other attributes and content stay") {
  const auto [before, after] = GENERATE(table<std::string_view, std::string_view>({
      {R"(<a xsi:nil="true"/>)", "<a><id>T</id></a>"},
      {R"(<a nil='1' x = "2" y='"'></a>)", R"(<a x="2" y='"'><id>T</id></a>)"},
      {R"(<a x="2" i:nil="true"> <b/> </a>)", R"(<a x="2"> <b/> <id>T</id></a>)"},
      {R"(<a nilly="true"/>)", R"(<a nilly="true"><id>T</id></a>)"},
  }));
  CAPTURE(before);
  CHECK(with_child(before, "a", child) == after);
}

TEST_CASE("an attribute is found by its exact name, its value between its quotes") {
  const auto value = [](std::string_view tag, std::string_view name) -> std::string {
    const std::string document = "<r>" + std::string(tag);
    const auto found = find_attribute(document, {3, document.size()}, name);
    return found ? std::string(found->of(document)) : "none";
  };
  CHECK(value(R"(<a location="u"/>)", "location") == "u");
  CHECK(value(R"(<a x="location='no'" location = 'a>"b/' >)", "location") == "a>\"b/");
  CHECK(value("<a\n\tlocation\r\n=\n\"u\"\n>", "location") == "u");
  CHECK(value(R"(<a location="">)", "location").empty());
  CHECK(value(R"(<a location="u" y="2">)", "y") == "2");
  CHECK(value(R"(<location>)", "location") == "none");
  CHECK(value(R"(<a Location="1" p:location="2" locations="3" loc="4"/>)", "location") == "none");
  CHECK(value("<a>", "location") == "none");
  CHECK(value("<a/>", "location") == "none");
}

TEST_CASE("a tag that no document has yields no attribute and no harm") {
  for (const std::string_view tag :
       {"<a x", "<a x=", "<a x=\"1", "<a x='1\"", "<a =", "<", "<a "}) {
    CAPTURE(tag);
    CHECK_FALSE(find_attribute(tag, {0, tag.size()}, "y"));
  }
}
