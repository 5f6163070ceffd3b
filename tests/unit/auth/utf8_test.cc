#include "proxy/auth/utf8.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;
using namespace std::string_view_literals;

TEST_CASE("well-formed UTF-8 yields its code points") {
  const auto [text, value, length] = GENERATE(table<std::string_view, unsigned, std::size_t>({
      {"a", 0x61, 1},
      {"\0"sv, 0, 1},
      {"\xC2\x80", 0x80, 2},
      {"\xC3\xA4x", 0xE4, 2},
      {"\xE2\x82\xAC", 0x20AC, 3},
      {"\xED\x9F\xBF", 0xD7FF, 3},
      {"\xF0\x9F\x98\x80", 0x1F600, 4},
      {"\xF4\x8F\xBF\xBF", 0x10FFFF, 4},
  }));
  const CodePoint point = decode_utf8(text);
  CHECK(static_cast<unsigned>(point.value) == value);
  CHECK(point.length == length);
}

TEST_CASE("overlong forms, surrogates and cut sequences are not UTF-8") {
  const auto text = GENERATE("\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC3"sv, "\xC3\x28"sv,
                             "\xE0\x80\x80"sv, "\xE2\x82"sv, "\xED\xA0\x80"sv, "\xF0\x80\x80\x80"sv,
                             "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xFF"sv);
  CHECK(decode_utf8(text).length == 0);
}

TEST_CASE("text is written in the encoding that the server wants") {
  const auto [text, encoding, expected] =
      GENERATE(table<std::string_view, TextEncoding, std::string_view>({
          {"p\xC3\xA4ss", TextEncoding::utf_8, "p\xC3\xA4ss"},
          {"p\xC3\xA4ss", TextEncoding::latin_1, "p\xE4ss"},
          {"p\xC3\xA4ss", TextEncoding::ascii, "p?ss"},
          {"\xC3\xBF", TextEncoding::latin_1, "\xFF"},
          {"1\xE2\x82\xAC", TextEncoding::ascii, "1?"},
          {"\xF0\x9F\x98\x80", TextEncoding::ascii, "??"},
          {"", TextEncoding::latin_1, ""},
      }));
  const auto encoded = encode_text(text, encoding, "password");
  REQUIRE(encoded);
  CHECK(encoded->reveal() == expected);
}

TEST_CASE("what the encoding lacks is a configuration error that shows none of the text") {
  const auto [text, encoding] = GENERATE(table<std::string_view, TextEncoding>({
      {"hunter\xE2\x82\xAC", TextEncoding::latin_1},
      {"hunter\xE4", TextEncoding::utf_8},
      {"hunter\xE4", TextEncoding::latin_1},
      {"hunter\xE4", TextEncoding::ascii},
  }));
  const auto encoded = encode_text(text, encoding, "password");
  REQUIRE_FALSE(encoded);
  CHECK(encoded.error().kind == base::ErrorKind::configuration);
  CHECK(encoded.error().detail.find("password") != std::string::npos);
  CHECK(encoded.error().detail.find("hunter") == std::string::npos);
}
