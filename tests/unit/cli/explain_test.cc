#include "proxy/cli/explain.h"

#include <fmt/ranges.h>

#include <catch2/catch.hpp>

#include "proxy/auth/scheme_list.h"
#include "proxy/cli/routes.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::cli {
namespace {

using Outcome = Explanation::Outcome;
using settings::smallest_file;

Explanation explained(std::string_view file, Question question) {
  auto settings = std::make_shared<settings::Settings>(settings::good_settings(file));
  auto answer = explain(std::move(settings), question);
  REQUIRE(answer);
  return *answer;
}

// The text of a line, or "" if there is none.
std::string line(const Explanation& answer, std::string_view name) {
  for (const auto& each : answer.lines) {
    if (each.name == name) return each.text;
  }
  return "";
}

std::string all_text(const Explanation& answer) {
  std::string text = answer.title + "\n";
  for (const auto& each : answer.lines) text.append(each.name + " " + each.text + "\n");
  return text + answer.conclusion;
}

// Listeners from line 2 on, routes from line 12 on.
constexpr std::string_view ruled_file = R"(version: 1
listeners:
  - name: local
    address: 127.0.0.1:3128
  - {name: closed, address: "127.0.0.1:3129", modes: [reverse],
     require_header: {name: X-Tool, value: "yes"}}
  - {name: pages, address: "127.0.0.1:3130", browsers: {allow_origins: ["https://tool.internal"]}}
upstreams:
  vsa: {url: https://vsa.example.com, auth: {type: kaseya-vsa9, username: u, token: {file: t}}}
  keyed: {url: "https://keyed.example.com:8443", auth: {type: header, name: X-Api-Key, value: {file: k}}}
  open: {url: https://open.example.com, auth: none, replay: {methods: read}}
routes:
  - name: vsa
    match: {path_prefix: /vsa}
    upstream: vsa
    strip_prefix: /vsa
    allow:
      - {methods: [GET], paths: [/status, /api/v1.0/**]}
      - methods: [POST]
    deny:
      - {paths: [/api/v1.0/automation/**]}
  - {name: closed, match: {listener: closed}, upstream: keyed}
  - {name: host, match: {host: localhost}, upstream: open, methods: read, cookies: pass}
  - {upstream: keyed}
)";

TEST_CASE("a request of the smallest file is explained with every edit") {
  const auto answer = explained(smallest_file, {"GET", "/api/v1.0/agents?$top=1", "", {}});
  CHECK(answer.outcome == Outcome::forwarded);
  CHECK(answer.title == "GET /api/v1.0/agents?$top=1 at listener 127.0.0.1:3128");
  CHECK(line(answer, "host") == "127.0.0.1:3128 is a name of this listener");
  CHECK(line(answer, "route") == "vsa, implied by the only upstream");
  CHECK(line(answer, "upstream") == "vsa, https://vsa.example.com");
  CHECK(line(answer, "path") == "/api/v1.0/agents?$top=1");
  CHECK(line(answer, "rules") == "none: whatever the account may do");
  CHECK(line(answer, "replaced") == "Host: vsa.example.com");
  CHECK(line(answer, "added") == "Via: 1.1 vsaproxy\nAuthorization: (credential vsa, kaseya-vsa9)");
  CHECK(line(answer, "never sent") ==
        "the client's Authorization, Cookie, Forwarded, X-Forwarded-For");
  CHECK(line(answer, "sent again").find("at most 64KiB (replay.max_body)") != std::string::npos);
  CHECK(answer.conclusion == "Forwarded to https://vsa.example.com as GET /api/v1.0/agents?$top=1");
}

TEST_CASE("the rule that decides is named with its line") {
  const auto allowed = explained(ruled_file, {"GET", "/vsa/api/v1.0/agents", "", {}});
  CHECK(line(allowed, "route") == "vsa, line 13: path_prefix /vsa");
  CHECK(line(allowed, "path") == "/api/v1.0/agents, without strip_prefix /vsa");
  CHECK(line(allowed, "rules") == "allow[0] (line 18) has /api/v1.0/**");
  const auto by_method = explained(ruled_file, {"POST", "/vsa/x", "", {}});
  CHECK(line(by_method, "rules") == "allow[1] (line 19) has this method");
  const auto denied = explained(ruled_file, {"GET", "/VSA/API/v1.0//automation/x", "", {}});
  CHECK(denied.outcome == Outcome::refused);
  CHECK(line(denied, "rules") == "deny[0] (line 21) has /api/v1.0/automation/**");
  CHECK(denied.conclusion ==
        "Refused: 403 route_denied\nroute vsa: a deny rule has /api/v1.0/automation/**");
  const auto neither = explained(ruled_file, {"GET", "/vsa/x", "", {}});
  CHECK(line(neither, "rules") == "no allow rule has this method and path");
  const auto method = explained(ruled_file, {"PUT", "/x", "", {"Host: localhost"}});
  CHECK(line(method, "rules") == "methods has GET, HEAD only");
}

TEST_CASE("in observe mode a refusal of the rules is told, and the request goes on") {
  const auto answer = explained(fmt::format("{}mode: observe\n", ruled_file),
                                {"GET", "/vsa/api/v1.0/automation", "", {}});
  CHECK(answer.outcome == Outcome::forwarded);
  CHECK(line(answer, "mode").starts_with("observe"));
  CHECK(answer.conclusion.find("observe: route vsa: a deny rule has") != std::string::npos);
}

TEST_CASE("the form of the URL says whether the proxy is called or used") {
  const auto form = [](std::string url, std::string listener = "") {
    const auto answer = explained(ruled_file, {"GET", std::move(url), std::move(listener), {}});
    return fmt::format("{} | {}", answer.title, line(answer, "upstream"));
  };
  CHECK(form("/vsa/status") == "GET /vsa/status at listener local | vsa, https://vsa.example.com");
  CHECK(form("http://127.0.0.1:3128/vsa/status#x") == "GET /vsa/status#x at listener local | ");
  CHECK(form("http://localhost:3130") ==
        "GET / at listener pages | open, https://open.example.com");
  CHECK(form("http://vsa.example.com/status") ==
        "GET http://vsa.example.com/status at listener local | vsa, https://vsa.example.com");
  CHECK(form("http://127.0.0.1:3129/x", "local") ==
        "GET http://127.0.0.1:3129/x at listener local | ");
  CHECK(form("https://vsa.example.com/x") == "CONNECT vsa.example.com:443 at listener local | ");
  CHECK(form("/x", "closed") == "GET /x at listener closed | ");
  CHECK(form("*") == "GET * at listener local | ");
}

TEST_CASE("what a listener refuses is explained") {
  const auto refused = [](Question question) {
    const auto answer = explained(ruled_file, std::move(question));
    CHECK(answer.outcome == Outcome::refused);
    return answer.conclusion.substr(0, answer.conclusion.find('\n'));
  };
  CHECK(refused({"GET", "/x", "", {"Host: rebound.example"}}) == "Refused: 403 host_not_allowed");
  CHECK(refused({"GET", "/x", "", {"Origin: https://a"}}) == "Refused: 403 browser_refused");
  CHECK(refused({"GET", "/x/../y", "", {}}) == "Refused: 400 bad_path");
  CHECK(refused({"GET", "/vsa/status;x", "", {}}) == "Refused: 400 bad_path");
  CHECK(refused({"TRACE", "/x", "", {}}) == "Refused: 405 method_refused");
  CHECK(refused({"GET", "http://elsewhere.example/", "", {}}) == "Refused: 403 host_not_allowed");
  CHECK(refused({"GET", "http://vsa.example.com/", "closed", {"X-Tool: yes"}}) ==
        "Refused: 403 no_route");
  CHECK(refused({"CONNECT", "vsa.example.com:443", "", {}}) == "Refused: 403 route_denied");
  CHECK(refused({"GET", "/x", "closed", {}}) == "Refused: 403 client_denied");
  CHECK(refused({"GET", "/x", "", {"Content-Length: 1", "Content-Length: 2"}}) ==
        "Refused: 400 ambiguous_framing");
  CHECK(refused({"GET", "/x", "", {"Host: a", "Host: b"}}) == "Refused: 400 bad_request");
  CHECK(refused({"GET", "/x", "", {"X-Long: " + std::string(40000, 'x')}}) ==
        "Refused: 431 headers_too_large");
  CHECK(explained(ruled_file, {"GET", "/x", "closed", {"X-Tool: yes"}}).outcome ==
        Outcome::forwarded);
}

TEST_CASE("a login call of the API is answered here, whatever the rules say of it") {
  const auto login = explained(ruled_file, {"GET", "/vsa/api/v1.0/auth", "", {}});
  CHECK(login.outcome == Outcome::answered_here);
  CHECK(line(login, "login call") == "a login of the API, login_paths: stub");
  CHECK(line(login, "rules") == "not asked: the call reaches nobody");
  const auto preflight = explained(
      ruled_file, {"OPTIONS",
                   "/x",
                   "pages",
                   {"Origin: https://tool.internal", "Access-Control-Request-Method: GET"}});
  CHECK(preflight.outcome == Outcome::answered_here);
}

TEST_CASE("what the client sends is told by its names alone") {
  const auto answer = explained(
      ruled_file, {"GET",
                   "/y",
                   "",
                   {"Authorization: Bearer hidden", "Cookie: a=hidden", "X-Api-Key: hidden",
                    "X-Other: hidden", "Proxy-Authorization: Basic hidden"}});
  CHECK(answer.outcome == Outcome::forwarded);
  CHECK(line(answer, "dropped") == "Authorization, Cookie, Proxy-Authorization");
  CHECK(line(answer, "replaced") ==
        "Host: keyed.example.com:8443\nX-Api-Key: (credential keyed, header)");
  CHECK(all_text(answer).find("hidden") == std::string::npos);
  // Without a login of ours the client's own goes on.
  const auto open = explained(ruled_file, {"GET", "/y", "", {"Host: localhost", "Cookie: a=b"}});
  CHECK(line(open, "dropped").empty());
  CHECK(line(open, "never sent") == "the client's Forwarded, X-Forwarded-For");
}

TEST_CASE("a session in messages is told with the limit that holds it") {
  const std::string file = settings::with_head(
      "upstreams:\n  vsa:\n    url: https://vsa.example.com\n    auth: {type: kaseya-soap, "
      "username: u, password: {file: p}}\n");
  const std::string endpoint = "/vsaWS/KaseyaWS.asmx";
  const auto soap = explained(file, {"POST", endpoint, "", {"Content-Type: text/xml"}});
  CHECK(soap.outcome == Outcome::forwarded);
  CHECK(line(soap, "session").starts_with("in the body, held whole up to 8MiB"));
  CHECK(line(soap, "added") == "Via: 1.1 vsaproxy");
  const auto packed =
      explained(file, {"POST", endpoint, "", {"Content-Type: text/xml", "Content-Encoding: gzip"}});
  CHECK(packed.outcome == Outcome::refused);
  CHECK(explained(file, {"POST", endpoint, "", {}}).outcome == Outcome::refused);
  const auto login = explained(file, {"GET", endpoint + "/Authenticate?x=y", "", {}});
  CHECK(login.outcome == Outcome::answered_here);
}

TEST_CASE("a question that makes no sense names what would") {
  const auto settings = std::make_shared<settings::Settings>(settings::good_settings(ruled_file));
  const auto fault = [&](Question question) {
    const auto answer = explain(settings, question);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().detail.find("hidden") == std::string::npos);
    return answer.error().detail;
  };
  CHECK(fault({"GET", "api", "", {}}).starts_with("URL must begin with"));
  CHECK(fault({"GET", "ftp://a/", "", {}}).starts_with("URL must begin with"));
  CHECK(fault({"GET", "/a b", "", {}}).starts_with("URL must be one word"));
  CHECK(fault({"G T", "/", "", {}}).starts_with("METHOD must be one word"));
  CHECK(fault({"GET", "/", "other", {}}) ==
        "no listener is called \"other\"; there is local, closed, pages");
  CHECK(fault({"GET", "/", "", {"hidden"}}).starts_with("-H needs a field"));
  CHECK(fault({"GET", "/", "", {"X: hidden\r\nY: z"}}).starts_with("-H needs a field"));
}

TEST_CASE("the routes are a table with their rules") {
  CHECK(routes_table(settings::good_settings(ruled_file), {}) ==
        R"(ROUTE   LISTENER  HOST       PATH  UPSTREAM  AUTH               METHODS   LOGIN PATHS
vsa     any       any        /vsa  vsa       vsa (kaseya-vsa9)  all       stub
  strip_prefix: /vsa
  allow[0] (line 18): GET /status, /api/v1.0/**
  allow[1] (line 19): POST every path
  deny[0] (line 21): all /api/v1.0/automation/**
closed  closed    any        /     keyed     keyed (header)     all       -
host    any       localhost  /     open      none               GET,HEAD  -
  cookies: pass
keyed   any       any        /     keyed     keyed (header)     all       -

upstream vsa: https://vsa.example.com
upstream keyed: https://keyed.example.com:8443
upstream open: https://open.example.com
mode: enforce
)");
  CHECK(routes_table(settings::good_settings(smallest_file), {}).find("vsa    any       any") !=
        std::string::npos);
}

TEST_CASE("the field that a type injects is the one that its credential sets") {
  for (const auth::SchemeSpec* spec : auth::all_schemes()) {
    if (spec->logs_in) continue;
    CAPTURE(spec->name);
    base::FieldValues values;
    values.set_text("username", "u");
    values.set_text("name", "X-Key");
    auth::SchemeInput input;
    input.values = &values;
    for (const base::Field& field : spec->fields) {
      if (field.type != base::FieldType::secret) continue;
      input.secrets.emplace(field.key, base::Secret("secret"));
    }
    auto scheme = spec->make(std::move(input));
    REQUIRE(scheme);
    const auto step = (*scheme)->start({}, nullptr);
    REQUIRE(step);
    const auto& fields = std::get<auth::Credential>(*step).fields;
    REQUIRE(fields.size() == 1);
    CHECK(fields[0].name == auth::injected_field(*spec, values));
  }
}

}  // namespace
}  // namespace vsaproxy::cli
