// What happens when the upstream says that the session is gone, by its status.

#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

using Reports = std::vector<std::string>;

const std::string refusal =
    answer("401 Unauthorized", "{\"Message\":\"no\"}", "X-Own: yes\r\nContent-Type: text/plain");

std::string bearer(std::string_view received) {
  return read_message(received).field("Authorization");
}

std::uint64_t replays(RelayBench& bench, const std::string& result) {
  return bench.count("vsaproxy_replays_total", {"vsa", result});
}

}  // namespace

TEST_CASE("the first request waits for the login and asks for it once") {
  RelayBench bench(session_file());
  std::vector<PeerPtr> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(bench.connect());
    clients.back()->send(request("GET /"));
  }
  bench.settle();
  CHECK(bench.reports() == Reports{"need 0"});
  CHECK(bench.upstreams() == 0);
  bench.log_in("one");
  CHECK(bench.reports() == Reports{"used 1"});
  REQUIRE(bench.upstreams() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(bearer(bench.upstream(i).received()) == "Bearer one");
    bench.upstream(i).send(answer("200 OK", "hello"));
  }
  bench.settle();
  for (const PeerPtr& client : clients) CHECK(read_message(client->received()).body == "hello");
}

TEST_CASE("a wait for a login ends after login_timeout with 503 and Retry-After") {
  RelayBench bench(session_file());
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.advance(milliseconds(9999));
  CHECK(client->received().empty());
  bench.advance(milliseconds(1));
  const Message got = read_message(client->received());
  CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
  CHECK(got.field("X-Proxy-Error") == "login_unavailable");
  CHECK(got.field("Retry-After") == "1");
  CHECK_FALSE(client->is_closed());
}

TEST_CASE("requests are refused at once while no login is possible in time") {
  struct Case {
    ErrorKind kind;
    std::string reason;
  };
  const Case cases[] = {{ErrorKind::login_rejected, "login_rejected"},
                        {ErrorKind::login_budget_spent, "login_budget_spent"},
                        {ErrorKind::login_unavailable, "login_unavailable"}};
  for (const Case& c : cases) {
    INFO(c.reason);
    RelayBench bench(session_file());
    bench.block_logins(c.kind, seconds(90));
    const Message got = read_message(bench.ask(request("GET /")));
    CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
    CHECK(got.field("X-Proxy-Error") == c.reason);
    CHECK(got.field("Retry-After") == "90");
    CHECK(bench.upstreams() == 0);
  }
}

TEST_CASE("a request waits for a login that is tried again in time") {
  RelayBench bench(session_file());
  bench.block_logins(ErrorKind::login_unavailable, seconds(4));
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.advance(seconds(4));
  CHECK(client->received().empty());
  bench.log_in("one");
  CHECK(bearer(bench.upstream().received()) == "Bearer one");
}

TEST_CASE("a refused request is replayed once, with the new session and all of its body") {
  struct Case {
    std::string request;
    std::string body;
  };
  const Case cases[] = {
      {request("GET /a?b=c", "X-Own: 1"), ""},
      {request("POST /a?b=c", "X-Own: 1\r\nContent-Length: 5", "hello"), "hello"},
      {request("PUT /a?b=c", "X-Own: 1\r\nTransfer-Encoding: chunked", chunked("hello", 2)),
       "hello"},
      {request("DELETE /a?b=c", "X-Own: 1"), ""},
  };
  for (const Case& c : cases) {
    for (const std::string_view option : {"keep-alive", "close"}) {
      INFO(c.request << option);
      RelayBench bench(session_file());
      bench.log_in("old");
      const PeerPtr client = bench.connect();
      client->send(c.request);
      bench.settle();
      const Message first = read_message(bench.upstream().take());
      CHECK(first.field("Authorization") == "Bearer old");
      bench.reports();
      bench.upstream().send(answer("401 Unauthorized", "no", "Connection: " + std::string(option)));
      bench.settle();
      CHECK(bench.reports().front() == "refused 1");
      CHECK(client->received().empty());
      bench.log_in("new");
      MemoryPeer& again = bench.upstream(bench.upstreams() - 1);
      const Message second = read_message(again.take());
      CHECK(second.start == first.start);
      CHECK(second.field("Authorization") == "Bearer new");
      CHECK(second.field("X-Own") == "1");
      CHECK(second.body == c.body);
      again.send(answer("200 OK", "done"));
      bench.settle();
      CHECK(read_message(client->received()).body == "done");
      CHECK(replays(bench, "accepted") == 1);
    }
  }
}

TEST_CASE("a refused request is replayed at once if a newer session is there already") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.log_in("new");
  bench.reports();
  const std::size_t before = bench.upstream().received().size();
  SECTION("on the same connection if the refusal has come whole") {
    bench.upstream().send(refusal);
    bench.settle();
    CHECK(bench.reports() == Reports{"used 2"});
    REQUIRE(bench.upstreams() == 1);
    CHECK(bearer(bench.upstream().received().substr(before)) == "Bearer new");
    bench.upstream().send(answer("200 OK", "done"));
  }
  SECTION("else on another") {
    bench.upstream().send(refusal.substr(0, refusal.size() - 3));
    bench.settle();
    CHECK(bench.reports() == Reports{"used 2"});
    REQUIRE(bench.upstreams() == 2);
    CHECK(bearer(bench.upstream(1).received()) == "Bearer new");
    bench.upstream(1).send(answer("200 OK", "done"));
  }
  bench.settle();
  CHECK(read_message(client->received()).body == "done");
}

TEST_CASE("the upstream's own refusal passes untouched when the login fails") {
  struct Case {
    std::string sent;
    bool ends;
    std::string body;
  };
  const std::string large(60'000, 'x');
  const Case cases[] = {
      {refusal, false, "{\"Message\":\"no\"}"},
      {"HTTP/1.1 401 Unauthorized\r\nX-Own: yes\r\nTransfer-Encoding: chunked\r\n\r\n" +
           chunked("refused", 3, "X-Sum: 7"),
       false, "refused"},
      {"HTTP/1.1 401 Unauthorized\r\nX-Own: yes\r\n\r\nuntil close", true, "until close"},
      {answer("401 Unauthorized", large, "X-Own: yes"), false, large},
  };
  enum class Outcome { fails, in_vain };
  for (const Case& c : cases) {
    for (const Outcome outcome : {Outcome::fails, Outcome::in_vain}) {
      for (const std::size_t early : {std::size_t{0}, std::size_t{60}, c.sent.size()}) {
        INFO(c.sent.substr(0, 200) << " early " << early);
        RelayBench bench(session_file());
        bench.log_in("old");
        const PeerPtr client = bench.connect();
        client->send(request("GET /"));
        bench.settle();
        bench.upstream().send(c.sent.substr(0, early));
        bench.settle();
        if (early < c.sent.size()) {
          if (early > 0) CHECK(client->received().empty());
          bench.upstream().send(c.sent.substr(early));
        }
        if (c.ends) bench.upstream().end();
        bench.settle();
        CHECK(client->received().empty());
        if (outcome == Outcome::fails) {
          bench.block_logins(ErrorKind::login_rejected, seconds(90));
        } else {
          bench.advance(seconds(10));
        }
        const Message got = read_message(client->received());
        CHECK(got.start == "HTTP/1.1 401 Unauthorized");
        CHECK(got.field("X-Own") == "yes");
        CHECK(got.field("X-Proxy-Error") == "-");
        CHECK((got.body == c.body));
        CHECK(got.is_whole);
        CHECK(bench.upstreams() == 1);
        CHECK(replays(bench, "failed") == 1);
      }
    }
  }
}

TEST_CASE("a large refusal that waits for the login is not read ahead without bound") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send(answer("401 Unauthorized", std::string(1'000'000, 'x')));
  bench.settle();
  CHECK(bench.upstream().unread() > 900'000 - 64 * 1024);
  bench.block_logins(ErrorKind::login_unavailable, seconds(90));
  CHECK(read_message(client->received()).body.size() == 1'000'000);
}

TEST_CASE("a kept refusal goes on in full though the client is slow") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->set_window(0);
  client->send(request("GET /1") + request("GET /2"));
  bench.settle();
  bench.upstream().take();
  bench.upstream().send(answer("200 OK", std::string(150'000, 'x')));
  bench.settle();
  for (int i = 0; i < 2 && bench.upstream().received().find("/2") == std::string::npos; ++i) {
    // A proxy that waits for the client before it goes on is fine too.
    client->set_window(MemoryPeer::unlimited);
    bench.settle();
    client->set_window(0);
  }
  const std::string refused = answer("401 Unauthorized", std::string(20'000, 'y'));
  bench.upstream().send(refused.substr(0, 12'000));
  bench.settle();
  bench.block_logins(ErrorKind::login_unavailable, seconds(90));
  bench.upstream().send(refused.substr(12'000));
  bench.settle();
  client->set_window(MemoryPeer::unlimited);
  bench.settle();
  const auto answers = read_messages(client->received());
  REQUIRE(answers.size() == 2);
  CHECK(answers[1].start == "HTTP/1.1 401 Unauthorized");
  CHECK(answers[1].body.size() == 20'000);
}

TEST_CASE("a replay that is refused too acquits the session, and later refusals pass at once") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /always-401"));
  bench.settle();
  bench.upstream().send(refusal);
  bench.settle();
  bench.log_in("new");
  bench.reports();
  MemoryPeer& again = bench.upstream(bench.upstreams() - 1);
  again.take();
  again.send(refusal);
  bench.settle();
  CHECK(bench.reports() == Reports{"acquit 2"});
  const Message got = read_message(client->take());
  CHECK(got.start == "HTTP/1.1 401 Unauthorized");
  CHECK(got.field("X-Own") == "yes");
  CHECK(replays(bench, "refused") == 1);

  client->send(request("GET /always-401"));
  bench.settle();
  CHECK(bearer(again.take()) == "Bearer new");
  again.send(refusal);
  bench.settle();
  CHECK(bench.reports() == Reports{"suspect 2"});
  CHECK(read_message(client->take()).start == "HTTP/1.1 401 Unauthorized");
  CHECK(replays(bench, "refused") == 1);
}

TEST_CASE("an acquitted session that is being ended is not believed any more") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /always-401"));
  bench.settle();
  bench.upstream().send(refusal);
  bench.settle();
  bench.log_in("new");
  MemoryPeer& again = bench.upstream(bench.upstreams() - 1);
  again.send(refusal);
  bench.settle();
  client->take();
  client->send(request("GET /good"));
  bench.settle();
  bench.set_hold(1);
  again.take();
  again.send(refusal);
  bench.settle();
  CHECK(client->received().find("acquit") == std::string::npos);
  CHECK(client->take().empty());
  bench.log_in("newest");
  MemoryPeer& third = bench.upstream(bench.upstreams() - 1);
  CHECK(bearer(third.take()) == "Bearer newest");
  third.send(answer("200 OK", "good"));
  bench.settle();
  CHECK(read_message(client->take()).body == "good");
}

TEST_CASE("only the statuses of relogin_on refuse a session") {
  const std::string file =
      "version: 1\nlisten: 127.0.0.1:3128\nadmin: off\nupstreams:\n  vsa:\n"
      "    url: http://127.0.0.1:9280\n    auth:\n      type: kaseya-vsa9\n"
      "      username: demo\n      token: {file: demo.pat}\n      relogin_on: [403, 440]\n";
  for (const std::string_view status : {"401 a", "403 b", "440 c", "500 d"}) {
    INFO(status);
    RelayBench bench(file);
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(request("GET /"));
    bench.settle();
    bench.reports();
    bench.upstream().send(answer(status, "no"));
    bench.settle();
    const bool refuses = status.starts_with("403") || status.starts_with("440");
    CHECK(client->received().empty() == refuses);
    CHECK(bench.reports().empty() != refuses);
  }
}

TEST_CASE("a body over replay.max_body is not replayed: its refusal passes, and is looked into") {
  for (const bool arrives_at_once : {true, false}) {
    for (const bool is_chunked : {true, false}) {
      INFO((arrives_at_once ? "at once, " : "late, ") << (is_chunked ? "chunked" : "with length"));
      RelayBench bench(session_file("replay: {max_body: 1KiB}"));
      bench.log_in("old");
      const PeerPtr client = bench.connect();
      const std::string body(1025, 'x');
      const std::string all =
          is_chunked ? request("POST /", "Transfer-Encoding: chunked", chunked(body, 500))
                     : request("POST /", "Content-Length: 1025", body);
      const std::size_t first = arrives_at_once ? all.size() : all.find("\r\n\r\n") + 4;
      client->send(all.substr(0, first));
      bench.settle();
      client->send(all.substr(first));
      bench.settle();
      CHECK((read_message(bench.upstream().received()).body == body));
      bench.reports();
      bench.upstream().send(refusal);
      bench.settle();
      CHECK(bench.reports() == Reports{"suspect 1"});
      CHECK(read_message(client->received()).start == "HTTP/1.1 401 Unauthorized");
    }
  }
}

TEST_CASE("a body of just replay.max_body is replayed") {
  RelayBench bench(session_file("replay: {max_body: 1KiB}"));
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Content-Length: 1024", std::string(1024, 'x')));
  bench.settle();
  bench.upstream().take();
  bench.upstream().send(refusal);
  bench.settle();
  CHECK(client->received().empty());
  bench.log_in("new");
  CHECK(read_message(bench.upstream(bench.upstreams() - 1).take()).body.size() == 1024);
}

TEST_CASE("replay.methods says which methods are replayed") {
  for (const std::string_view method : {"GET", "POST"}) {
    RelayBench bench(session_file("replay: {methods: [GET]}"));
    bench.log_in("old");
    const PeerPtr client = bench.connect();
    client->send(request(std::string(method) + " /"));
    bench.settle();
    bench.upstream().send(refusal);
    bench.settle();
    CHECK(client->received().empty() == (method == "GET"));
  }
}

TEST_CASE("a refusal within the body is replayed with what came meanwhile") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Transfer-Encoding: chunked", "6\r\nbegin-\r\n"));
  bench.advance(seconds(1));
  bench.upstream().send(refusal);
  bench.settle();
  client->send("3\r\nmid\r\n");
  bench.settle();
  bench.log_in("new");
  client->send("3\r\nend\r\n0\r\n\r\n");
  bench.settle();
  REQUIRE(bench.upstreams() == 2);
  CHECK(bench.upstream(0).is_closed());
  CHECK(read_message(bench.upstream(1).received()).body == "begin-midend");
  bench.upstream(1).send(answer("200 OK", "done"));
  bench.settle();
  CHECK(read_message(client->received()).body == "done");
}

TEST_CASE("a body that came in part while its refusal was kept is never sent with a gap") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("POST /", "Transfer-Encoding: chunked", "6\r\nbegin-\r\n"));
  bench.advance(seconds(1));
  bench.upstream().send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno");
  bench.settle();
  client->send("3\r\nmid\r\n");
  bench.settle();
  bench.block_logins(ErrorKind::login_unavailable, seconds(90));
  client->send("3\r\nend\r\n0\r\n\r\n");
  bench.settle();
  bench.upstream().send("pe");
  bench.settle();
  CHECK(read_message(client->take()).body == "nope");
  const std::string sent = read_message(bench.upstream().received()).body;
  INFO("the upstream got " << sent);
  CHECK(std::string("begin-midend").starts_with(sent));
  // If a byte is missing, the connection must not carry another request.
  if (sent != "begin-midend") CHECK(bench.upstream().is_closed());
}

TEST_CASE("a client that leaves while its refusal is kept leaves nothing behind") {
  RelayBench bench(session_file());
  bench.log_in("old");
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.settle();
  bench.upstream().send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno");
  bench.settle();
  client->end();
  bench.settle();
  CHECK(client->is_closed());
  CHECK(bench.upstream().is_closed());
  bench.log_in("new");
  CHECK(bench.upstreams() == 1);
}

TEST_CASE("an expired session is never sent, though waiting for a connection outlived it") {
  RelayBench bench(session_file());
  bench.dialer().set_mode(FakeDialer::Mode::hold);
  bench.log_in("old", seconds(10));
  const PeerPtr client = bench.connect();
  client->send(request("GET /"));
  bench.advance(seconds(11));
  bench.reports();
  bench.dialer().accept();
  bench.settle();
  CHECK(bench.reports() == Reports{"need 1"});
  CHECK(bench.upstream().received().empty());
  bench.dialer().set_mode(FakeDialer::Mode::accept);
  bench.log_in("new");
  MemoryPeer& used = bench.upstream(bench.upstreams() - 1);
  CHECK(bearer(used.received()) == "Bearer new");
}

TEST_CASE("a session counts as expired at the very moment of its end") {
  RelayBench bench(session_file());
  bench.log_in("old", seconds(10));
  bench.advance(milliseconds(9999));
  const PeerPtr early = bench.connect();
  early->send(request("GET /early"));
  bench.settle();
  CHECK(bearer(bench.upstream().received()) == "Bearer old");
  bench.advance(milliseconds(1));
  const PeerPtr late = bench.connect();
  late->send(request("GET /late"));
  bench.settle();
  CHECK(bench.upstreams() == 1);
}

TEST_CASE("no answer of the proxy's own is ever a 401") {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::system); ++kind) {
    RelayBench bench(session_file());
    bench.block_logins(static_cast<ErrorKind>(kind), seconds(90));
    const Message got = read_message(bench.ask(request("GET /")));
    INFO(got.start);
    CHECK(got.field("X-Proxy-Error") != "-");
    CHECK(got.start.substr(9, 3) != "401");
  }
}

}  // namespace vsaproxy::relay
