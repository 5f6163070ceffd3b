// What a request looks like upstream, and an answer at the client: fields, paths, addresses.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

// What the upstream gets for one request, and what the client gets for its answer.
struct Both {
  Message sent;
  Message got;
};

Both exchange(const std::string& file, const std::string& asked,
              const std::string& answered = answer("200 OK", "ok")) {
  RelayBench bench(file);
  bench.log_in("secret-session");
  const PeerPtr client = bench.connect();
  client->send(asked);
  bench.settle();
  Both both;
  if (bench.upstreams() > 0) {
    both.sent = read_message(bench.upstream().received());
    bench.upstream().send(answered);
    bench.settle();
  }
  both.got = read_message(client->received());
  return both;
}

std::string stripping_file(std::string_view options = "") {
  return open_file("",
                   "routes:\n  - name: vsa\n    match: {path_prefix: /vsa}\n"
                   "    upstream: vsa\n    strip_prefix: /vsa\n" +
                       std::string(options));
}

}  // namespace

TEST_CASE("the session is injected whatever the client sends, and nothing can take it off") {
  for (const std::string_view fields :
       {"X-A: 1", "Connection: Authorization", "Connection: close, authorization",
        "Authorization: Basic eDp5", "authorization: Bearer other\r\nAUTHORIZATION: x",
        "Connection: Authorization\r\nAuthorization: Basic eDp5", "Proxy-Connection: Authorization",
        "Authorization_: x"}) {
    INFO(fields);
    const Both both = exchange(session_file(), request("GET /", fields));
    CHECK(both.sent.field("Authorization") == "Bearer secret-session");
    CHECK(both.got.body == "ok");
  }
}

TEST_CASE("fields of one connection, of other proxies, and of the client's own logins stay here") {
  const Both both = exchange(
      session_file(),
      request("GET /",
              "Keep-Alive: 5\r\nTE: trailers\r\nTrailer: X-Sum\r\nUpgrade: websocket\r\n"
              "Connection: keep-alive, X-Named, Upgrade\r\nX-Named: 1\r\nProxy-Authorization: a\r\n"
              "Proxy-Anything: b\r\nCookie: c=d\r\nX_Under: e\r\nX-Forwarded-For: f\r\n"
              "Forwarded: for=g\r\nAuthorization: h\r\nExpect: 100-continue\r\nX-Kept: i\r\n"
              "Accept: j"));
  std::string names;
  for (const auto& [name, value] : both.sent.fields) names += name + " ";
  CHECK(names == "Host X-Kept Accept Via Authorization ");
  CHECK(both.sent.field("Host") == "127.0.0.1:9280");
  CHECK(both.sent.field("Via") == "1.1 vsaproxy");
}

TEST_CASE("an upstream without a session gets the client's own Authorization") {
  const Both both = exchange(open_file(), request("GET /", "Authorization: Basic eDp5"),
                             answer("401 Unauthorized", "no", "WWW-Authenticate: Basic"));
  CHECK(both.sent.field("Authorization") == "Basic eDp5");
  CHECK(both.got.start == "HTTP/1.1 401 Unauthorized");
  CHECK(both.got.field("WWW-Authenticate") == "Basic");
}

TEST_CASE("answers lose what would give a session away or pass for the proxy's own") {
  const Both both =
      exchange(session_file(), request("GET /"),
               answer("200 OK", "ok",
                      "Set-Cookie: session=x\r\nAuthorization: Bearer y\r\nX-Proxy-Error: z\r\n"
                      "WWW-Authenticate: Basic\r\nAccess-Control-Allow-Origin: *\r\n"
                      "Connection: X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\nX-Kept: 2"));
  std::string names;
  for (const auto& [name, value] : both.got.fields) names += name + " ";
  CHECK(names == "X-Kept Via Content-Length ");
}

TEST_CASE("codings that an expired session could hide in are not asked for") {
  struct Case {
    std::string sent, asked;
  };
  const Case cases[] = {{"br, gzip;q=0.5, zstd", "gzip;q=0.5"},
                        {"br", "identity"},
                        {"deflate, gzip", "deflate, gzip"}};
  for (const Case& c : cases) {
    const std::string sent = request("GET /", "Accept-Encoding: " + c.sent);
    CHECK(exchange(session_file(), sent).sent.field("Accept-Encoding") == c.asked);
    CHECK(exchange(open_file(), sent).sent.field("Accept-Encoding") == c.sent);
  }
  CHECK(exchange(session_file(), request("GET /")).sent.field("Accept-Encoding") == "-");
}

TEST_CASE("strip_prefix is taken off the path and put back into addresses") {
  struct Case {
    std::string path, sent;
  };
  const Case paths[] = {{"/vsa/a?b=/vsa", "/a?b=/vsa"},
                        {"/vsa", "/"},
                        {"/vsa/", "/"},
                        {"/vsa?x", "/?x"},
                        {"/VSA/a", "/a"},
                        {"/v%73a/a", "/a"},
                        {"//vsa//a", "/a"},
                        {"/vsa/%C3%A9", "/%C3%A9"}};
  for (const Case& c : paths) {
    INFO(c.path);
    CHECK(exchange(stripping_file(), request("GET " + c.path)).sent.start ==
          "GET " + c.sent + " HTTP/1.1");
  }
  CHECK(exchange(stripping_file(), request("GET /vsax")).got.field("X-Proxy-Error") == "no_route");

  const Case locations[] = {
      {"http://127.0.0.1:9280/b", "http://localhost/vsa/b"},
      {"HTTP://127.0.0.1:9280", "http://localhost/vsa"},
      {"//127.0.0.1:9280/b", "http://localhost/vsa/b"},
      {"/b?c", "/vsa/b?c"},
      {"b", "b"},
      {"https://127.0.0.1:9280/b", "https://127.0.0.1:9280/b"},
      {"http://127.0.0.1:9281/b", "http://127.0.0.1:9281/b"},
      {"http://127.0.0.1:9280@elsewhere/b", "http://127.0.0.1:9280@elsewhere/b"},
      {"http://elsewhere/b", "http://elsewhere/b"}};
  for (const Case& c : locations) {
    INFO(c.path);
    const Both both = exchange(
        stripping_file(), request("GET /vsa/a"),
        answer("302 Found", "", "Location: " + c.path + "\r\nContent-Location: " + c.path));
    CHECK(both.got.field("Location") == c.sent);
    CHECK(both.got.field("Content-Location") == c.sent);
  }
}

TEST_CASE("cookies and CORS fields pass where the route says so, with their paths mapped back") {
  const Both both = exchange(
      stripping_file("    cookies: pass\n    cors: pass\n"), request("GET /vsa/a", "Cookie: a=b"),
      answer("200 OK", "ok", "Set-Cookie: a=b; Path=/x\r\nAccess-Control-Allow-Origin: *"));
  CHECK(both.sent.field("Cookie") == "a=b");
  CHECK(both.got.field("Set-Cookie") == "a=b; Path=/vsa/x");
  CHECK(both.got.field("Access-Control-Allow-Origin") == "*");
}

TEST_CASE("the forward form goes to the upstream that it names, and nowhere else") {
  const Both own =
      exchange(session_file(), "GET http://127.0.0.1:9280/a?b HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
               answer("302 Found", "", "Location: http://127.0.0.1:9280/c"));
  CHECK(own.sent.start == "GET /a?b HTTP/1.1");
  CHECK(own.sent.field("Host") == "127.0.0.1:9280");
  CHECK(own.sent.field("Authorization") == "Bearer secret-session");
  CHECK(own.got.field("Location") == "http://127.0.0.1:9280/c");

  for (const std::string_view target :
       {"http://elsewhere/", "http://127.0.0.1:9281/", "http://127.0.0.1.elsewhere:9280/",
        "http://user@127.0.0.1:9280/"}) {
    INFO(target);
    const Both other = exchange(
        session_file(), "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1:9280\r\n\r\n");
    CHECK(other.sent.start.empty());
    CHECK(other.got.field("X-Proxy-Error") != "-");
  }
}

TEST_CASE("the forward form ignores strip_prefix: its paths are the upstream's own") {
  const Both both =
      exchange(stripping_file(), "GET http://127.0.0.1:9280/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
               answer("302 Found", "", "Location: /b"));
  CHECK(both.sent.start == "GET /a HTTP/1.1");
  CHECK(both.got.field("Location") == "/b");
}

TEST_CASE("the API's own login and logout calls are not forwarded") {
  for (const std::string_view call :
       {"GET /api/v1.0/auth", "GET /API/v1.0/Auth/", "HEAD /api/v1.0/auth", "GET /api/v1.0/auth?x",
        "GET //api/v1.0//auth", "GET /api/v1.0/%61uth", "DELETE /api/v1.0/system/users/session",
        "delete /api/v1.0/system/users/session", "Head /api/v1.0/auth", "POST /api/v1.0/token",
        "GET http://127.0.0.1:9280/api/v1.0/auth"}) {
    INFO(call);
    const Both both = exchange(session_file(), request(call));
    CHECK(both.sent.start.empty());
    CHECK(both.got.start == "HTTP/1.1 200 OK");
    CHECK(both.got.body.find("secret-session") == std::string::npos);
  }
  CHECK(exchange(session_file(), request("GET /api/v1.0/author")).got.body == "ok");
}

TEST_CASE("a login call is one with escaped slashes too, where raw_paths lets them through") {
  const auto ask = [](std::string_view start) {
    return exchange(session_file("", "routes: [{upstream: vsa, raw_paths: true}]"), request(start));
  };
  for (const std::string_view call :
       {"GET /api/v1.0%2Fauth", "get /api%2fv1.0/auth", "GET /api/v1.0/%2Fauth%2F",
        "DELETE /api/v1.0%2Fsystem%2Fusers/session"}) {
    INFO(call);
    const Both both = ask(call);
    CHECK(both.sent.start.empty());
    CHECK(both.got.start == "HTTP/1.1 200 OK");
  }
  CHECK(ask("GET /api/v1.0%2Fauthor").got.body == "ok");
}

TEST_CASE("every answer of the proxy's own is a problem document with its reason") {
  struct Case {
    std::string request;
    std::string status, reason, proxy_error;
  };
  const Case cases[] = {
      {request("GET /a/../b"), "400", "bad_path", "http_request_error"},
      {"GET / HTTP/1.1\r\n\r\n", "400", "bad_request", "http_request_error"},
      {"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n", "403", "host_not_allowed",
       "http_request_denied"},
      {request("GET /", "Origin: null"), "403", "browser_refused", "http_request_denied"},
      {request("CONNECT a:1"), "403", "route_denied", "http_request_denied"},
      {request("TRACE /"), "405", "method_refused", "http_request_denied"},
      {request("OPTIONS *"), "403", "no_route", "http_request_denied"},
  };
  for (const Case& c : cases) {
    INFO(c.request);
    const Both both = exchange(open_file(), c.request);
    CHECK(both.sent.start.empty());
    CHECK(both.got.start.substr(9, 3) == c.status);
    CHECK(both.got.field("Content-Type") == "application/problem+json");
    CHECK(both.got.field("X-Proxy-Error") == c.reason);
    CHECK(both.got.field("Proxy-Status").starts_with("vsaproxy; error=" + c.proxy_error + ";"));
    CHECK(both.got.field("Retry-After") == "-");
    for (const std::string& part :
         {"\"status\":" + c.status, "\"reason\":\"" + c.reason + "\"", std::string("\"type\":\""),
          std::string("\"title\":\""), std::string("\"detail\":\""),
          std::string("\"request_id\":\"0000000000000001\"")}) {
      INFO(part);
      CHECK(both.got.body.find(part) != std::string::npos);
    }
  }
}

}  // namespace vsaproxy::relay
