#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

constexpr std::string_view hash =
    "$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

// One listener in braces on line 3.
std::string with_listener(std::string_view keys) {
  return fmt::format(
      "version: 1\nlisteners:\n- {{{}}}\nupstreams: {{v: {{url: https://v.example, auth: "
      "none}}}}\n",
      keys);
}

std::string with_keys(std::string_view keys) {
  return with_listener(fmt::format("address: 127.0.0.1:1, {}", keys));
}

Listener listener_of(std::string_view text) { return good_settings(text).listeners.at(0); }

TEST_CASE("everything about who may ask is read") {
  const Listener one = listener_of(with_listener(fmt::format(
      "address: \"[2001:db8::7]:8443\", expose: true, browsers: {{allow_origins: "
      "[\"https://tool.internal\", \"http://localhost:8080\"]}}, require_header: {{name: X-Mark, "
      "value: \"true\"}}, trusted_proxies: [192.0.2.1], tls: {{certificate: {{file: c}}, key: "
      "{{file: k}}, client_ca: {{file: ca}}}}, clients: {{allow: [192.0.2.0/24, "
      "\"2001:db8::/32\"], deny: [192.0.2.66], api_keys: {{header: X-Key, keys: [{{name: billing, "
      "hash: \"{}\"}}]}}, certificates: [{{name: noc, san_dns: NOC.internal}}]}}",
      hash)));
  CHECK(one.expose);
  CHECK(one.browsers.same_origin);
  CHECK(one.browsers.origins ==
        std::vector<http::Origin>{{"https", "tool.internal", 443}, {"http", "localhost", 8080}});
  CHECK(one.require_header == RequiredHeader{"X-Mark", "true"});
  CHECK(one.trusted_proxies.size() == 1);
  CHECK(one.clients.allow.size() == 2);
  CHECK(one.clients.deny.size() == 1);
  REQUIRE(one.clients.api_keys);
  CHECK(one.clients.api_keys->header == "X-Key");
  CHECK(one.clients.api_keys->keys == std::vector<ApiKey>{{"billing", std::string(hash)}});
  CHECK(one.clients.certificates == std::vector<CertificateRule>{{"noc", "noc.internal"}});
  REQUIRE(one.tls->client_ca);
  CHECK(one.tls->client_ca->name == "ca");
}

TEST_CASE("users, groups and the access to a Unix socket are read") {
  const Listener one = listener_of(with_listener(
      "address: unix:x, socket: {mode: \"0660\", owner: vsaproxy, group: tools}, clients: "
      "{local_users: [reports, \"1000\"], local_groups: [backup]}"));
  CHECK(one.socket.mode == 0660);
  CHECK(one.socket.owner == Account{"vsaproxy", {}});
  CHECK(one.socket.group == Account{"tools", {}});
  CHECK(one.clients.local_users == std::vector<Account>{{"reports", {}}, {"1000", {}}});
  CHECK(one.clients.local_users[0].place.line == 3);
  CHECK(one.clients.local_groups == std::vector<Account>{{"backup", {}}});
  CHECK(listener_of(with_keys("browsers: same-origin")).browsers.same_origin);
  CHECK_FALSE(listener_of(with_keys("browsers: refuse")).browsers.same_origin);
}

// The only problem, without its place.
std::string fault(std::string_view text) {
  const auto problems = problems_of(text);
  if (problems.size() != 1)
    return fmt::format("{} problems: {}", problems.size(), first_problem_of(text));
  return problems[0].substr(problems[0].find(' ') + 1);
}

TEST_CASE("a listener that other machines reach needs expose and a rule, and more without tls") {
  const std::string open = "address: 192.0.2.1:80, expose: true, ";
  const std::string tls = "tls: {certificate: {file: c}, key: {file: k}}, ";
  CHECK(fault(with_listener("address: 0.0.0.0:80")).starts_with("\"address\" is not a loopback"));
  CHECK(fault(with_listener(open)).starts_with("\"expose\" needs a rule on clients"));
  CHECK(fault(with_listener(open + tls)).starts_with("\"expose\" needs a rule on clients"));
  CHECK(fault(with_listener(open + "require_header: {name: X-A, value: a}"))
            .starts_with("\"expose\" needs a rule on clients"));
  CHECK(fault(with_listener(open + tls + "clients: {deny: [192.0.2.9]}"))
            .starts_with("\"expose\" needs a rule on clients"));
  CHECK(fault(with_listener(open + "clients: {allow: [192.0.2.0/24]}"))
            .starts_with("\"expose\" without tls needs require_header or api_keys"));
  CHECK(fault(with_keys("expose: true")).starts_with("\"expose\" needs a rule on clients"));
  listener_of(with_listener(open + tls + "clients: {allow: [192.0.2.0/24]}"));
  listener_of(with_listener(
      open + "clients: {allow: [192.0.2.0/24]}, require_header: {name: X-A, value: a}"));
  listener_of(with_listener(open + fmt::format("clients: {{api_keys: {{keys: [{{name: a, hash: "
                                               "\"{}\"}}]}}}}",
                                               hash)));
  listener_of(
      with_listener(open + "tls: {certificate: {file: c}, key: {file: k}, client_ca: {file: ca}}"));
}

TEST_CASE("wrong rules on clients are refused with the fix") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"clients: {allow: []}", "\"allow\" needs at least one network"},
      {"clients: {allow: [192.0.2.1/24]}", "must be an address or a network with no bits behind"},
      {"clients: {deny: [localhost]}", "must be an address or a network"},
      {"trusted_proxies: [x]", "must be an address or a network"},
      {"clients: {local_users: []}", "\"local_users\" needs at least one name"},
      {"clients: {certificates: [{name: a, san_dns: b}]}",
       "\"certificates\" needs client_ca in tls"},
      {"clients: {users: [a]}", "unknown key \"users\" in \"clients\" in listener 1"},
      {"clients: {api_keys: {keys: []}}", "\"keys\" needs 1 to 32 keys"},
      {"clients: {api_keys: {}}", "missing key \"keys\""},
      {"clients: {api_keys: {keys: [{name: a, hash: hidden-key}]}}",
       "\"hash\" must be a hash that \"vsaproxy hash\" printed: $scrypt$..."},
      {"browsers: allow", "\"browsers\" must be refuse or same-origin"},
      {"browsers: {allow_origins: []}", "\"allow_origins\" needs at least one origin"},
      {"browsers: {}", "missing key \"allow_origins\""},
      {"browsers: {allow_origins: [\"https://a/\"]}", "must be an origin: scheme, host and port"},
      {"browsers: {allow_origins: [\"*\"]}", "must be an origin"},
      {"browsers: {allow_origins: [\"null\"]}", "must be an origin"},
      {"require_header: {name: X-A}", "missing key \"value\""},
      {"require_header: {name: Host, value: a}", "\"name\" must be a field of its own"},
      {"require_header: {name: X_A, value: a}", "\"name\" must be the name of a field"},
      {"socket: {mode: \"0660\"}", "\"socket\" is for unix: addresses only"},
  };
  for (const auto& [keys, message] : cases) {
    CAPTURE(keys);
    CHECK_THAT(fault(with_keys(keys)), Catch::StartsWith(std::string(message)));
  }
  for (const std::string_view mode : {"660", "\"0999\"", "rw", "\"0060\"", "\"01660\""}) {
    CAPTURE(mode);
    CHECK_THAT(fault(with_listener(fmt::format("address: unix:x, socket: {{mode: {}}}", mode))),
               Catch::StartsWith("\"mode\" must be an octal mode"));
  }
  CHECK_THAT(fault(with_listener("address: unix:x, clients: {allow: [127.0.0.1]}")),
             Catch::StartsWith("\"allow\" is for addresses"));
  CHECK_THAT(fault(with_listener("address: 192.0.2.1:1, expose: true, require_header: {name: X-A, "
                                 "value: a}, clients: {local_users: [root]}")),
             Catch::StartsWith("\"local_users\" works on loopback addresses"));
}

TEST_CASE("what could never work on a listener is refused") {
  CHECK_THAT(fault(with_listener("address: unix:x, trusted_proxies: [127.0.0.1]")),
             Catch::StartsWith("\"trusted_proxies\" is for addresses"));
  const auto with_mark = [](std::string_view name, std::string_view header) {
    return with_keys(fmt::format(
        "require_header: {{name: {}, value: a}}, clients: {{api_keys: {{{}keys: [{{name: "
        "a, hash: \"{}\"}}]}}}}",
        name, header, hash));
  };
  constexpr std::string_view message = "\"require_header\" names the field in which keys come";
  CHECK_THAT(fault(with_mark("x-vsaproxy-key", "")), Catch::StartsWith(std::string(message)));
  CHECK_THAT(fault(with_mark("X-A", "header: x-a, ")), Catch::StartsWith(std::string(message)));
  listener_of(with_mark("X-Vsaproxy-Key", "header: X-A, "));
}

TEST_CASE("a key that is written in place of its hash is not shown") {
  const std::string text = with_keys("clients: {api_keys: {keys: [{name: a, hash: HIDDEN}]}}");
  CHECK(describe_problems(parse_settings(text, "f.yaml").problems, text, "f.yaml").find("HIDDEN") ==
        std::string::npos);
}

}  // namespace
}  // namespace vsaproxy::settings
