#include "proxy/relay/edited_pieces.h"

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

namespace vsaproxy::relay {
namespace {

using Places = std::vector<auth::TokenPlace>;

// All of it, so many bytes and parts at a time; no part is empty, and none but the last is short.
std::string all_of(EditedPieces& pieces, std::size_t most, std::size_t most_parts) {
  std::string all;
  std::vector<std::string_view> parts(most_parts);
  while (pieces.has_more()) {
    const std::size_t count = pieces.next(parts, most);
    REQUIRE(count > 0);
    REQUIRE(count <= most_parts);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      CHECK_FALSE(parts[i].empty());
      size += parts[i].size();
      all.append(parts[i]);
    }
    CHECK(size <= most);
    if (pieces.has_more() && count < most_parts) CHECK(size == most);
  }
  return all;
}

}  // namespace

TEST_CASE("a text comes with what is put into it, in pieces of any size") {
  struct Case {
    std::string text;
    Places places;
    std::string insert;
  };
  const std::vector<Case> cases = {
      {"", {}, "T"},
      {"abc", {}, "T"},
      {"", {{0, 0, "", ""}}, "T"},
      {"", {{0, 0, "", ""}}, ""},
      {"abc", {{0, 0, "", ""}}, "T"},
      {"abc", {{3, 0, "<", ">"}}, "T"},
      {"abc", {{0, 3, "<", ">"}}, "token"},
      {"abc", {{0, 3, "", ""}}, ""},
      {"abcdef", {{1, 1, "<", ""}, {2, 0, "", ">"}, {2, 2, "", ""}, {6, 0, "(", ")"}}, "token"},
      {"abcdef", {{0, 1, "before", "after"}, {1, 5, "before", "after"}}, ""},
      {std::string(1000, 'x'), {{500, 1, "<", ">"}}, std::string(300, 't')},
  };
  for (const Case& c : cases) {
    INFO(c.text.substr(0, 10) << " with " << c.places.size() << " places");
    const std::string expected = auth::with_token(c.text, c.places, c.insert);
    for (const std::size_t most : {std::size_t{1}, std::size_t{2}, std::size_t{7},
                                   std::numeric_limits<std::size_t>::max()}) {
      for (const std::size_t most_parts : {1, 2, 15}) {
        EditedPieces pieces;
        pieces.start(c.text, c.places, c.insert);
        CHECK(pieces.has_more() == !expected.empty());
        CHECK((all_of(pieces, most, most_parts) == expected));
        CHECK_FALSE(pieces.has_more());
      }
    }
  }
}

TEST_CASE("pieces are views of the texts, not copies") {
  const std::string text = "abc", insert = "T";
  const Places places = {{1, 1, "", ""}};
  EditedPieces pieces;
  pieces.start(text, places, insert);
  std::array<std::string_view, 8> parts;
  REQUIRE(pieces.next(parts, 100) == 3);
  CHECK(static_cast<const void*>(parts[0].data()) == text.data());
  CHECK(static_cast<const void*>(parts[1].data()) == insert.data());
  CHECK(static_cast<const void*>(parts[2].data()) == text.data() + 2);
}

TEST_CASE("nothing comes before a text is started, without room, or once it is over") {
  std::array<std::string_view, 2> parts;
  EditedPieces pieces;
  CHECK_FALSE(pieces.has_more());
  CHECK(pieces.next(parts, 100) == 0);
  const Places none;
  pieces.start("abc", none, "");
  CHECK(pieces.next(parts, 0) == 0);
  CHECK(pieces.next({}, 100) == 0);
  CHECK(pieces.has_more());
  CHECK(pieces.next(parts, 100) == 1);
  CHECK(pieces.next(parts, 100) == 0);
}

TEST_CASE("a text may be started again in the middle, with another token, and given up") {
  const Places places = {{1, 1, "<", ">"}};
  EditedPieces pieces;
  std::array<std::string_view, 1> part;
  pieces.start("abc", places, "one");
  pieces.next(part, 1);
  pieces.next(part, 2);
  pieces.start("abc", places, "second");
  CHECK(all_of(pieces, 4, 3) == "a<second>c");
  pieces.start("abc", places, "one");
  pieces.clear();
  CHECK_FALSE(pieces.has_more());
  CHECK(pieces.next(part, 1) == 0);
}

}  // namespace vsaproxy::relay
