#include "proxy/routing/client_rules.h"

#include <catch2/catch.hpp>

namespace vsaproxy::routing {
namespace {

using base::ErrorKind;

ClientRules behind_proxies() {
  ClientRules rules;
  rules.trusted_proxies = {*parse_network("10.0.0.0/8")};
  return rules;
}

// The address, "none", or the reason of the refusal.
std::string client(const ClientRules& rules, std::string_view peer,
                   std::vector<std::string_view> forwarded) {
  http::Fields fields;
  for (const std::string_view value : forwarded) fields.add("X-Forwarded-For", value);
  const auto found = client_address(rules, parse_address(peer), fields);
  if (!found) return std::string(base::reason_text(found.error().kind));
  return *found ? to_string(**found) : "none";
}

TEST_CASE("X-Forwarded-For of a trusted proxy names the last address that is none of them") {
  const ClientRules rules = behind_proxies();
  CHECK(client(rules, "10.0.0.1", {"192.0.2.1"}) == "192.0.2.1");
  CHECK(client(rules, "10.0.0.1", {"203.0.113.9, 192.0.2.1, 10.0.0.2"}) == "192.0.2.1");
  CHECK(client(rules, "10.0.0.1", {"203.0.113.9", "192.0.2.1"}) == "192.0.2.1");
  CHECK(client(rules, "10.0.0.1", {"192.0.2.1:5000"}) == "192.0.2.1");
  CHECK(client(rules, "10.0.0.1", {"[2001:db8::1]:5000"}) == "2001:db8::1");
  CHECK(client(rules, "10.0.0.1", {"10.0.0.3"}) == "10.0.0.3");
  CHECK(client(rules, "10.0.0.1", {}) == "10.0.0.1");
  CHECK(client(rules, "10.0.0.1", {"anything, 192.0.2.1"}) == "192.0.2.1");
}

TEST_CASE("X-Forwarded-For of others is not believed, and of a trusted proxy must be an address") {
  CHECK(client(behind_proxies(), "192.0.2.66", {"10.0.0.9"}) == "192.0.2.66");
  CHECK(client({}, "10.0.0.1", {"192.0.2.1"}) == "10.0.0.1");
  CHECK(client(behind_proxies(), "unix", {"192.0.2.1"}) == "none");
  CHECK(client(behind_proxies(), "10.0.0.1", {"unknown"}) == "bad_request");
  CHECK(client(behind_proxies(), "10.0.0.1", {"192.0.2.1, _hidden"}) == "bad_request");
}

TEST_CASE("deny wins over allow, and without an address a rule on addresses denies") {
  ClientRules rules;
  CHECK(check_address(rules, std::nullopt));
  rules.deny = {*parse_network("192.0.2.66")};
  CHECK(check_address(rules, parse_address("192.0.2.1")));
  CHECK_FALSE(check_address(rules, std::nullopt));
  rules.allow = {*parse_network("192.0.2.0/24"), *parse_network("2001:db8::/32")};
  CHECK(check_address(rules, parse_address("192.0.2.1")));
  CHECK(check_address(rules, parse_address("2001:db8::9")));
  for (const std::string_view denied : {"192.0.2.66", "192.0.3.1", "::1", "::ffff:192.0.2.66"}) {
    CAPTURE(denied);
    const auto fine = check_address(rules, parse_address(denied));
    REQUIRE_FALSE(fine);
    CHECK(fine.error().kind == ErrorKind::client_denied);
  }
}

TEST_CASE("a user is let in by number or group, and one that is not known never") {
  ClientRules rules;
  CHECK(check_user(rules, std::nullopt));
  rules.checks_users = true;
  rules.users = {1000};
  rules.groups = {50};
  CHECK(check_user(rules, LocalUser{1000, {}}));
  CHECK(check_user(rules, LocalUser{1001, {7, 50}}));
  CHECK_FALSE(check_user(rules, LocalUser{1001, {7}}));
  CHECK_FALSE(check_user(rules, LocalUser{0, {}}));
  CHECK_FALSE(check_user(rules, std::nullopt));
}

TEST_CASE("a certificate fulfils the rule that one of its names fits") {
  ClientRules rules;
  CHECK(check_certificate(rules, {}) == "");
  rules.certificates = {{"noc", "noc.internal"}, {"billing", "billing.internal"}};
  CHECK(check_certificate(rules, {"x", "BILLING.internal"}) == "billing");
  CHECK_FALSE(check_certificate(rules, {}));
  CHECK_FALSE(check_certificate(rules, {"noc.internal.evil.example", "*.internal"}));
}

TEST_CASE("a required field needs exactly its value each time it comes") {
  ClientRules rules;
  rules.header_name = "X-Vsaproxy-Request";
  rules.header_value = "true";
  const auto passes = [&](std::vector<std::pair<std::string_view, std::string_view>> sent) {
    http::Fields fields;
    for (const auto& [name, value] : sent) fields.add(name, value);
    return check_required_header(rules, fields).has_value();
  };
  CHECK(passes({{"x-vsaproxy-request", "true"}}));
  CHECK_FALSE(passes({}));
  CHECK_FALSE(passes({{"X-Vsaproxy-Request", "True"}}));
  CHECK_FALSE(passes({{"X_Vsaproxy_Request", "true"}}));
  CHECK_FALSE(passes({{"X-Vsaproxy-Request", "true"}, {"X-Vsaproxy-Request", "false"}}));
}

TEST_CASE("the fields that were for the proxy are removed, however they are spelt") {
  ClientRules rules;
  rules.header_name = "X-Tool";
  rules.key_header = "X-Vsaproxy-Key";
  http::Fields fields;
  for (const std::string_view name : {"x-tool", "X_Vsaproxy_Key", "X-Tool", "X-Tools", "Accept"}) {
    fields.add(name, "x");
  }
  remove_own_fields(rules, fields);
  REQUIRE(fields.all().size() == 2);
  CHECK(fields.all()[0].name == "X-Tools");
  CHECK(fields.all()[1].name == "Accept");
  remove_own_fields({}, fields);
  CHECK(fields.all().size() == 2);
}

}  // namespace
}  // namespace vsaproxy::routing
