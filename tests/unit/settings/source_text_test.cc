#include "proxy/settings/source_text.h"

#include <catch2/catch.hpp>

namespace vsaproxy::settings {
namespace {

std::string first_problem(std::string_view text) {
  Problems problems;
  check_characters(text, problems);
  const auto list = problems.take();
  if (list.empty()) return "";
  return fmt::format("{}:{}: {}", list[0].place.line, list[0].place.column, list[0].message);
}

TEST_CASE("lines end in LF or CRLF") {
  const auto lines = split_lines("a\r\nb\n\nc");
  CHECK(lines == std::vector<std::string_view>{"a", "b", "", "c"});
  CHECK(split_lines("").empty());
  CHECK(split_lines("a\n").size() == 1);
}

TEST_CASE("UTF-8 is checked as RFC 3629 defines it") {
  for (const std::string_view good : {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    CHECK(character_length(good) == good.size());
  }
  for (const std::string_view bad : {"", "\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                                     "\xe2\x82", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xff"}) {
    CHECK(character_length(bad) == 0);
  }
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(count_characters("\xc3\xa4"
                         "b") == 2);
  CHECK(first_problem("\xc3\xa4\xff") == "1:2: the file must be UTF-8: this byte is not");
}

TEST_CASE("bytes that no configuration has are refused at their place") {
  CHECK(first_problem("a: 1\nb: \x01") ==
        "2:4: a control character is not allowed here: remove it");
  CHECK(first_problem("a: \xc2\x9b") == "1:4: a control character is not allowed here: remove it");
  CHECK(first_problem("a:\r b") == "1:3: a control character is not allowed here: remove it");
  CHECK(first_problem("a:\n \tb: 1") == "2:2: a tab cannot indent: use spaces");
  CHECK(first_problem("a: b\tc\n\t\n# \xc3\xa4").empty());
}

TEST_CASE("a file or a line of unreasonable size is refused") {
  CHECK(first_problem(std::string(most_file_bytes + 1, '\n')) ==
        "1:1: the file is larger than 1 MiB: that is no configuration");
  CHECK(first_problem(std::string(most_file_bytes, '\n')).empty());
  CHECK(first_problem(std::string(4097, ' ')) == "1:1: a line has at most 4096 bytes");
}

TEST_CASE("a byte order mark is skipped") {
  CHECK(without_bom("\xef\xbb\xbfversion: 1") == "version: 1");
  CHECK(without_bom("version: 1") == "version: 1");
}

}  // namespace
}  // namespace vsaproxy::settings
