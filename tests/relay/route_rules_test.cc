// What the rules of a route let through: refused here, or only noted in observe mode.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

std::string rules_file(std::string_view keys, std::string_view rest = "") {
  return open_file("", fmt::format("{}routes:\n  - name: vsa\n    upstream: vsa\n"
                                   "    match: {{path_prefix: /vsa}}\n    strip_prefix: /vsa\n{}",
                                   rest, keys));
}

constexpr std::string_view some_rules =
    "    allow: [{methods: [GET], paths: [/api/**]}]\n    deny: [{paths: [/api/scripts/**]}]\n";

// The target that reached the upstream, or the reason of the refusal.
std::string outcome(RelayBench& bench, const std::string& asked) {
  const std::size_t before = bench.upstreams();
  const PeerPtr client = bench.connect();
  client->send(asked);
  bench.settle();
  // One to HEAD has no body, which its head announces all the same.
  const std::string refusal = read_message(client->received()).field("X-Proxy-Error");
  if (refusal != "-") return refusal;
  REQUIRE(bench.upstreams() == before + 1);
  const std::string start = read_message(bench.upstream(before).received()).start;
  return start.substr(0, start.rfind(' '));
}

std::string outcome(const std::string& file, const std::string& asked) {
  RelayBench bench(file);
  return outcome(bench, asked);
}

}  // namespace

TEST_CASE("rules see the path that the upstream would see") {
  RelayBench bench(rules_file(some_rules));
  struct Case {
    std::string start, outcome;
  };
  const Case cases[] = {
      {"GET /vsa/api/agents?x", "GET /api/agents?x"},
      {"GET /vsa//api/agents", "GET /api/agents"},
      {"GET /vsa/%61pi/agents", "GET /%61pi/agents"},
      {"GET http://127.0.0.1:9280/api/agents", "GET /api/agents"},
      {"POST /vsa/api/agents", "route_denied"},
      {"HEAD /vsa/api/agents", "route_denied"},
      {"GET /vsa/other", "route_denied"},
      {"GET /vsa/api/scripts/1", "route_denied"},
      {"GET /vsa/api/SCRIPTS", "route_denied"},
      {"GET /vsa/api//scripts/1", "route_denied"},
      {"GET /vsa/api/%73cripts", "route_denied"},
      {"GET http://127.0.0.1:9280/api/scripts", "route_denied"},
      {"GET /vsa/api/x;/scripts", "bad_path"},
      {"GET /vsa/api/x%3B", "bad_path"},
      {"GET /vsa/api/x%2Fy", "bad_path"},
  };
  for (const Case& c : cases) {
    INFO(c.start);
    CHECK(outcome(bench, request(c.start)) == c.outcome);
  }
}

TEST_CASE("a route without rules forwards a semicolon, and no escaped slash") {
  CHECK(outcome(rules_file(""), request("GET /vsa/a;b=c")) == "GET /a;b=c");
  CHECK(outcome(rules_file(""), request("GET /vsa/a%2Fb")) == "bad_path");
}

TEST_CASE("raw_paths lets an escaped slash through, on its own route only") {
  const std::string file =
      open_file("",
                "routes:\n  - {upstream: vsa, match: {path_prefix: /raw}, raw_paths: true}\n"
                "  - {upstream: vsa}\n");
  CHECK(outcome(file, request("GET /raw/a%2fb")) == "GET /raw/a%2fb");
  CHECK(outcome(file, request("GET /other/a%2Fb")) == "bad_path");
  CHECK(outcome(file, request("GET /raw%2Fa")) == "bad_path");
  CHECK(outcome(file, request("GET /raw/a%2F..")) == "bad_path");
}

TEST_CASE("a login call that is answered here is no matter of rules, a forwarded one is") {
  const std::string rules = "    methods: [PUT]\n";
  RelayBench bench(session_file("", "routes:\n  - upstream: vsa\n" + rules));
  bench.log_in("secret-session");
  const Message stub = read_message(bench.ask(request("GET /api/v1.0/auth")));
  CHECK(stub.start == "HTTP/1.1 200 OK");
  RelayBench passing(
      session_file("", "routes:\n  - upstream: vsa\n    login_paths: pass\n" + rules));
  const Message refused = read_message(passing.ask(request("GET /api/v1.0/auth")));
  CHECK(refused.field("X-Proxy-Error") == "route_denied");
}

TEST_CASE("in observe mode the request goes on, and the log says what would be refused") {
  const auto log = std::filesystem::temp_directory_path() /
                   fmt::format("vsaproxy-observe-{}.log", std::random_device{}());
  {
    RelayBench bench(rules_file(some_rules, "mode: observe\n"), log.string());
    CHECK(outcome(bench, request("DELETE /vsa/api/x")) == "DELETE /api/x");
    CHECK(outcome(bench, request("GET /vsa/api/x;y")) == "GET /api/x;y");
    CHECK(outcome(bench, request("GET /vsa/api/x")) == "GET /api/x");
    CHECK(bench.count("vsaproxy_observed_refusals_total", {"vsa"}) == 2);
    for (int i = 0; i < 100; ++i) outcome(bench, request("DELETE /vsa/api/x"));
    CHECK(bench.count("vsaproxy_observed_refusals_total", {"vsa"}) == 102);
    bench.advance(seconds(1));
    outcome(bench, request("DELETE /vsa/api/x"));
    bench.close_log();
  }
  std::ifstream input(log);
  const std::string text{std::istreambuf_iterator<char>(input), {}};
  std::filesystem::remove(log);
  std::size_t lines = 0;
  for (std::size_t at = text.find("would refuse"); at != std::string::npos;
       at = text.find("would refuse", at + 1)) {
    ++lines;
  }
  CHECK(lines == RequestCounters::most_observed_lines + 1);
  CHECK(text.find("method=DELETE path=/vsa/api/x detail=\"route vsa: no allow rule has this method "
                  "and path\"") != std::string::npos);
}

}  // namespace vsaproxy::relay
