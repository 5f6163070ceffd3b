#include "proxy/http/fields.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

namespace vsaproxy::http {

TEST_CASE("fields are found without case and keep their spelling") {
  Fields fields;
  fields.add("Content-Type", "text/plain");
  REQUIRE(fields.find("content-type") != nullptr);
  CHECK(fields.find("CONTENT-TYPE")->name == "Content-Type");
  CHECK(fields.find("content-typ") == nullptr);
  CHECK(fields.count("content-type") == 1);
}

TEST_CASE("a field that came in any way is found, by its name, by a set and by its beginning") {
  constexpr NameSet<2> names({"Origin", "Referer"});
  Fields fields;
  CHECK(fields.find_any(names) == nullptr);
  CHECK_FALSE(fields.may_have_prefix("Re"));
  fields.add("Host", "a");
  CHECK(fields.find_any(names) == nullptr);
  fields.set("referer", "b");
  REQUIRE(fields.find_any(names) != nullptr);
  CHECK(fields.find_any(names)->value == "b");
  CHECK(fields.may_have_prefix("Re"));
  fields.add_kept({fields.keep("ORIGIN"), fields.keep("c")});
  CHECK(fields.find("origin")->value == "c");
  const Fields copy = fields.clone();
  CHECK(copy.has("Origin"));
  fields.clear();
  CHECK_FALSE(fields.may_have(names));
  CHECK_FALSE(fields.may_have_prefix("Re"));
}

TEST_CASE("a name that shares the mark of another one is not taken for it") {
  Fields fields;
  fields.add("Cxxxxxxxxxxxxh", "7");
  REQUIRE(fields.all()[0].mark == mark_of("Content-Length"));
  CHECK_FALSE(fields.has("Content-Length"));
  CHECK(fields.count("Content-Length") == 0);
  fields.set("Content-Length", "8");
  CHECK(fields.all().size() == 2);
}

TEST_CASE("texts of others become the object's own") {
  Fields fields;
  {
    std::string bytes = "GET /\r\nHost: a\r\nB: two\r\n";
    const std::string_view text = bytes;
    fields.add_kept({text.substr(7, 4), text.substr(13, 1), true});
    fields.add_kept({text.substr(16, 1), text.substr(19, 3), true});
    CHECK(fields.adopt(text).substr(0, 5) == "GET /");
    bytes.assign(bytes.size(), 'x');
  }
  CHECK(fields.find("Host")->value == "a");
  CHECK(fields.find("B")->value == "two");
}

TEST_CASE("setting a field replaces all of that name at the place of the first") {
  Fields fields;
  fields.add("A", "1");
  fields.add("Host", "one");
  fields.add("B", "2");
  fields.add("HOST", "two");
  fields.set("host", "three");
  REQUIRE(fields.all().size() == 3);
  CHECK(fields.all()[1].value == "three");
  CHECK(fields.all()[2].name == "B");
  fields.set("New", "4");
  CHECK(fields.all()[3].value == "4");
  fields.set_value(0, "changed");
  CHECK(fields.find("a")->value == "changed");
  fields.remove("b");
  CHECK_FALSE(fields.has("B"));
}

TEST_CASE("a token is found in any line of a list field") {
  Fields fields;
  fields.add("Connection", "keep-alive, , Upgrade");
  fields.add("connection", "\tClose");
  CHECK(fields.list_has("Connection", "close"));
  CHECK(fields.list_has("Connection", "upgrade"));
  CHECK_FALSE(fields.list_has("Connection", "up"));
  CHECK_FALSE(fields.list_has("Connection", ""));
  fields.add("Other", "token");
  CHECK_FALSE(fields.list_has("Connection", "token"));
}

TEST_CASE("views stay valid while fields are added and when the object moves") {
  Fields fields;
  const std::string_view first = fields.keep("first");
  for (int i = 0; i < 500; ++i) fields.add("X-" + std::to_string(i), std::string(50, 'v'));
  CHECK(first == "first");
  const Fields moved = std::move(fields);
  CHECK(first == "first");
  CHECK(moved.find("x-499")->value == std::string(50, 'v'));
}

TEST_CASE("clearing keeps the memory, so that the next message of that size allocates none") {
  Fields fields;
  const std::string head(3000, 'h');
  // The first round finds the size.
  for (int round = 0; round < 3; ++round) {
    fields.clear();
    fields.keep("x");
    fields.keep(head);
  }
  fields.clear();
  const char* block = fields.keep("x").data();
  for (int round = 0; round < 3; ++round) {
    fields.clear();
    CHECK(fields.keep("x").data() == block);
    CHECK(fields.keep(head).data() == block + 1);
  }
}

TEST_CASE("releasing memory leaves an empty, usable object") {
  Fields fields;
  fields.add("A", "1");
  fields.release_memory();
  CHECK(fields.all().empty());
  CHECK(fields.all().capacity() == 0);
  fields.add("B", "2");
  CHECK(fields.find("b")->value == "2");
}

TEST_CASE("empty items of a list are skipped") {
  ListItems items(", a ,,\tb c,");
  CHECK(items.next() == "a");
  CHECK(items.next() == "b c");
  CHECK_FALSE(items.next());
}

}  // namespace vsaproxy::http
