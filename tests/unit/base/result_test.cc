#include "proxy/base/result.h"

#include <catch2/catch.hpp>
#include <set>
#include <string_view>

namespace vsaproxy::base {

TEST_CASE("every error kind has a reason text of its own") {
  std::set<std::string_view> texts;
  const int last = static_cast<int>(ErrorKind::system);
  for (int kind = 0; kind <= last; ++kind) texts.insert(reason_text(static_cast<ErrorKind>(kind)));
  CHECK(texts.size() == static_cast<std::size_t>(last) + 1);
  CHECK(reason_text(ErrorKind::ambiguous_framing) == "ambiguous_framing");
  CHECK(reason_text(ErrorKind::login_budget_spent) == "login_budget_spent");
}

TEST_CASE("a failure carries its kind and detail to the caller's type") {
  const Result<int> failed = fail(ErrorKind::bad_path, "the path has a dot segment");
  REQUIRE_FALSE(failed);
  const Result<void> passed_on = fail(failed.error());
  REQUIRE_FALSE(passed_on);
  CHECK(passed_on.error().kind == ErrorKind::bad_path);
  CHECK(passed_on.error().detail == "the path has a dot segment");
  CHECK_FALSE(passed_on.error().retry_after);
}

}  // namespace vsaproxy::base
