#include "proxy/routing/path_rules.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

std::vector<PathPattern> patterns(std::initializer_list<std::string_view> texts) {
  std::vector<PathPattern> made;
  for (const std::string_view text : texts) made.push_back(*PathPattern::parse(text));
  return made;
}

// The detail of the refusal, or "" if it is let through.
std::string refusal(const PathRules& rules, std::string_view method, std::string_view path,
                    const http::Fields& fields = {}, PathCase path_case = PathCase::insensitive) {
  const auto outcome = outcome_of(judge(rules, method, fields, path, path_case), rules);
  if (outcome) return "";
  CHECK(outcome.error().kind == base::ErrorKind::route_denied);
  return outcome.error().detail;
}

TEST_CASE("a route without rules has none") {
  CHECK(PathRules().empty());
  CHECK(refusal({}, "BREW", "/x") == "");
  CHECK_FALSE(PathRules{{"GET"}, {}, {}}.empty());
  CHECK_FALSE(PathRules{{}, {{}}, {}}.empty());
}

TEST_CASE("methods of a route are compared exactly") {
  const PathRules rules{{"GET", "HEAD"}, {}, {}};
  CHECK(refusal(rules, "GET", "/x") == "");
  CHECK(refusal(rules, "HEAD", "/x") == "");
  CHECK(refusal(rules, "POST", "/x") == "methods has GET, HEAD only");
  CHECK(refusal(rules, "get", "/x") == "methods has GET, HEAD only");
}

TEST_CASE("with allow rules everything else is refused") {
  const PathRules rules{
      {}, {{{"GET"}, patterns({"/api/**", "/status"})}, {{"POST"}, patterns({"/api/notes"})}}, {}};
  constexpr std::string_view none = "no allow rule has this method and path";
  CHECK(refusal(rules, "GET", "/api/x/y") == "");
  CHECK(refusal(rules, "GET", "/API") == "");
  CHECK(refusal(rules, "GET", "/status/") == "");
  CHECK(refusal(rules, "POST", "/api/notes") == "");
  CHECK(refusal(rules, "POST", "/api/x") == none);
  CHECK(refusal(rules, "HEAD", "/api/x") == none);
  CHECK(refusal(rules, "GET", "/") == none);
  CHECK(refusal(rules, "GET", "/API", {}, PathCase::sensitive) == none);
}

TEST_CASE("deny wins over allow, and takes methods in any case") {
  const PathRules rules{
      {}, {{{}, patterns({"/api/**"})}}, {{{"DELETE"}, {}}, {{}, patterns({"/api/secret/**"})}}};
  CHECK(refusal(rules, "GET", "/api/x") == "");
  CHECK(refusal(rules, "GET", "/api/Secret") == "a deny rule has /api/secret/**");
  CHECK(refusal(rules, "DELETE", "/api/x") == "a deny rule has this method");
  CHECK(refusal(rules, "Delete", "/api/x") == "a deny rule has this method");
}

TEST_CASE("for deny rules an escaped slash is a slash too") {
  const PathRules rules{{}, {}, {{{}, patterns({"/api/secret/**"})}}};
  for (const std::string_view path :
       {"/api%2Fsecret/x", "/api/secret%2Fx", "/api%2F%2Fsecret", "/api/%2Fsecret"}) {
    CAPTURE(path);
    CHECK(refusal(rules, "GET", path) == "a deny rule has /api/secret/**");
  }
  CHECK(refusal(rules, "GET", "/api%2Fother") == "");
  const PathRules allowing{{}, {{{}, patterns({"/files/*"})}}, {}};
  CHECK(refusal(allowing, "GET", "/files/a%2Fb") == "");
}

TEST_CASE("a field by which a server takes another method or path is refused where rules are") {
  const PathRules rules{{"GET"}, {}, {}};
  for (const std::string_view name : {"X-HTTP-Method-Override", "x-http-method",
                                      "X_Method_Override", "X-Original-URL", "X-Rewrite-Url"}) {
    CAPTURE(name);
    http::Fields fields;
    fields.add(name, "DELETE");
    CHECK_FALSE(refusal(rules, "GET", "/x", fields).empty());
  }
  http::Fields harmless;
  harmless.add("X-Request-Id", "1");
  CHECK(refusal(rules, "GET", "/x", harmless) == "");
}

}  // namespace
}  // namespace vsaproxy::routing
