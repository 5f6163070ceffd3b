#include "proxy/relay/client_access.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"
#include "tests/unit/ops/temporary_folder.h"

namespace vsaproxy::relay {
namespace {

constexpr std::string_view key = "a-tool-key";

// As open_file(), with these keys of its only listener.
std::string file_with(std::string_view listener, std::string_view rest = "") {
  std::string text = open_file("", rest);
  constexpr std::string_view short_form = "listen: 127.0.0.1:3128\n";
  return text.replace(
      text.find(short_form), short_form.size(),
      fmt::format("listeners: [{{name: l, address: 127.0.0.1:3128, {}}}]\n", listener));
}

std::string with_key(std::string_view rest = "", std::string_view listener = "") {
  static const std::string hash = auth::to_string(auth::hash_key(key, "0123456789abcdef"));
  return file_with(
      fmt::format("clients: {{api_keys: {{keys: [{{name: billing, hash: \"{}\"}}]}}}}{}", hash,
                  listener),
      rest);
}

std::string field(std::string_view value) { return fmt::format("X-Vsaproxy-Key: {}", value); }

std::string error_of(std::string_view answer) {
  return read_message(answer).field("X-Proxy-Error");
}

}  // namespace

TEST_CASE("a key is checked once for each connection, and never reaches the upstream") {
  RelayBench bench(with_key());
  const PeerPtr client = bench.connect();
  for (int i = 0; i < 3; ++i) {
    client->send(request("GET /x", field(key)));
    bench.settle();
    const Message sent = read_message(bench.upstream().take());
    CHECK(sent.field("X-Vsaproxy-Key") == "-");
    bench.upstream().send(answer("200 OK", "hello"));
    bench.settle();
    CHECK(read_message(client->take()).body == "hello");
  }
  CHECK(bench.keys().checks() == 1);
  // Another key on the same connection is another client's.
  client->send(request("GET /x", field("another")));
  bench.settle();
  CHECK(error_of(client->take()) == "client_key_required");
  CHECK(client->was_ended());
}

TEST_CASE("what is longer than any key is refused without a check") {
  RelayBench bench(with_key());
  for (const std::size_t size : {1024, 1025, 30000}) {
    const PeerPtr client = bench.connect();
    client->send(request("GET /x", field(std::string(size, 'k'))));
    bench.settle();
    CHECK(error_of(client->take()) == "client_key_required");
    CHECK(client->was_ended());
    CHECK(bench.keys().checks() == 1);
  }
}

TEST_CASE("the mark of a key tells it and its name from all others, and not what they are") {
  const ShownKey shown{std::nullopt, base::Secret("key")};
  const auto mark = mark_of(shown);
  REQUIRE(mark);
  CHECK(mark == mark_of({std::nullopt, base::Secret("key")}));
  CHECK(mark->find("key") == std::string::npos);
  CHECK(mark != mark_of({std::nullopt, base::Secret("keys")}));
  CHECK(mark != mark_of({std::string(), base::Secret("key")}));
  CHECK(mark_of({"a", base::Secret("bc")}) != mark_of({"ab", base::Secret("c")}));
}

TEST_CASE("while a key is checked nothing is sent, and a client that leaves is forgotten") {
  RelayBench bench(with_key());
  bench.keys().hold();
  const PeerPtr stays = bench.connect();
  const PeerPtr leaves = bench.connect();
  for (const PeerPtr& client : {stays, leaves}) {
    client->send(request("POST /x", field(key) + "\r\nContent-Length: 3", "abc"));
  }
  bench.settle();
  CHECK(bench.upstreams() == 0);
  leaves->end();
  bench.settle();
  CHECK(bench.clients() == 1);
  bench.keys().release();
  bench.settle();
  REQUIRE(bench.upstreams() == 1);
  CHECK(read_message(bench.upstream().take()).body == "abc");
  bench.upstream().send(answer("200 OK", "hello"));
  bench.settle();
  CHECK(read_message(stays->received()).body == "hello");
}

TEST_CASE("a key that can't be checked now is 503, and the connection ends") {
  RelayBench bench(with_key());
  bench.keys().set_busy();
  const PeerPtr client = bench.connect();
  client->send(request("GET /x", field(key)));
  bench.settle();
  const Message got = read_message(client->received());
  CHECK(got.start == "HTTP/1.1 503 Service Unavailable");
  CHECK(got.field("X-Proxy-Error") == "overloaded");
  CHECK(got.field("Connection") == "close");
}

TEST_CASE("a client without a key is asked as it addressed the proxy") {
  RelayBench bench(with_key());
  const Message reverse = read_message(bench.ask(request("GET /x")));
  CHECK(reverse.start == "HTTP/1.1 403 Forbidden");
  CHECK(reverse.field("Proxy-Authenticate") == "-");
  for (const std::string_view start : {"GET http://127.0.0.1:9280/x", "CONNECT 127.0.0.1:9280"}) {
    const Message forward = read_message(bench.ask(request(start)));
    CHECK(forward.start == "HTTP/1.1 407 Proxy Authentication Required");
    CHECK(forward.field("Proxy-Authenticate") == "Basic realm=\"vsaproxy\"");
    CHECK(forward.field("X-Proxy-Error") == "client_key_required");
  }
}

TEST_CASE("a preflight of a listed page needs no key, for it is never forwarded") {
  constexpr std::string_view pages = ", browsers: {allow_origins: [\"https://tool.internal\"]}";
  constexpr std::string_view asking =
      "Origin: https://tool.internal\r\nAccess-Control-Request-Method: PUT";
  RelayBench bench(with_key("", pages));
  const Message got = read_message(bench.ask(request("OPTIONS /x", asking)));
  CHECK(got.start == "HTTP/1.1 204 No Content");
  CHECK(got.field("Access-Control-Allow-Methods") == "PUT");
  RelayBench passing(with_key("routes: [{upstream: vsa, cors: pass}]", pages));
  CHECK(error_of(passing.ask(request("OPTIONS /x", asking))) == "client_key_required");
  CHECK(bench.upstreams() + passing.upstreams() == 0);
}

TEST_CASE("an address, a user or a certificate that the rules don't have is denied") {
  RelayBench addresses(file_with("clients: {allow: [192.0.2.0/24]}"));
  const auto ask = [](RelayBench& bench, const PeerPtr& client) {
    client->send(request("GET /x"));
    bench.settle();
    return client->received().empty() ? std::string("forwarded") : error_of(client->received());
  };
  CHECK(ask(addresses, addresses.connect("192.0.2.9:1")) == "forwarded");
  CHECK(ask(addresses, addresses.connect("[::ffff:192.0.2.9]:1")) == "forwarded");
  CHECK(ask(addresses, addresses.connect("192.0.3.9:1")) == "client_denied");
  CHECK(ask(addresses, addresses.connect("unix")) == "client_denied");
  RelayBench users(file_with("clients: {local_users: [\"4242\"]}"));
  CHECK(ask(users, users.connect("127.0.0.1:1", routing::LocalUser{4242, {}})) == "forwarded");
  CHECK(ask(users, users.connect("127.0.0.1:1", routing::LocalUser{4243, {}})) == "client_denied");
  CHECK(ask(users, users.connect()) == "client_denied");
}

TEST_CASE(
    "rules that a reload brings hold for the next request of a client that was there before") {
  RelayBench bench(file_with("modes: [reverse]"));
  const PeerPtr client = bench.connect();
  client->send(request("GET /x"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "hello"));
  bench.settle();
  CHECK(read_message(client->take()).body == "hello");
  SECTION("an address is known") { bench.reload(file_with("clients: {deny: [127.0.0.1]}")); }
  SECTION("who the user is was not asked when it came") {
    bench.reload(file_with("clients: {local_users: [root]}"));
  }
  client->send(request("GET /x"));
  bench.settle();
  CHECK(error_of(client->take()) == "client_denied");
}

TEST_CASE("a client whose user was never asked for is told to come again, and then let in") {
  RelayBench bench(file_with("modes: [reverse]"));
  const PeerPtr client = bench.connect();
  client->send(request("GET /x"));
  bench.settle();
  bench.upstream().send(answer("200 OK", "hello"));
  bench.settle();
  client->take();
  bench.upstream().take();
  bench.reload(file_with("clients: {local_users: [\"4242\"]}"));
  client->send(request("GET /x"));
  bench.settle();
  const Message refused = read_message(client->take());
  CHECK(refused.field("X-Proxy-Error") == "client_denied");
  CHECK(refused.field("Connection") == "close");
  CHECK(client->was_ended());
  const PeerPtr again = bench.connect("127.0.0.1:1", routing::LocalUser{4242, {}});
  again->send(request("GET /x"));
  bench.settle();
  CHECK(read_message(bench.upstream().take()).start == "GET /x HTTP/1.1");
  // Who was asked, and is another one, stays and is refused.
  const PeerPtr other = bench.connect("127.0.0.1:1", routing::LocalUser{4243, {}});
  other->send(request("GET /x"));
  bench.settle();
  CHECK(read_message(other->take()).field("Connection") == "-");
}

TEST_CASE("the access line of a preflight has its own query, not that of the request before") {
  const ops::TemporaryFolder folder;
  const std::string file = folder / "access.log";
  {
    RelayBench bench(make_config(file_with("browsers: {allow_origins: [\"https://tool.internal\"]}",
                                           "log: {access: {query: full}}")),
                     file);
    const PeerPtr client = bench.connect();
    client->send(request("GET /x?first=one"));
    bench.settle();
    bench.upstream().send(answer("200 OK", "hello"));
    bench.settle();
    client->fail();
    bench.settle();
    bench.ask(request("OPTIONS /y?second=two",
                      "Origin: https://tool.internal\r\nAccess-Control-Request-Method: PUT"));
    bench.close_log();
  }
  const std::string lines = ops::read_text(file);
  INFO(lines);
  const auto preflight = lines.find("method=OPTIONS");
  REQUIRE(preflight != std::string::npos);
  CHECK(lines.find("first=one") < preflight);
  CHECK(lines.find("first=one", preflight) == std::string::npos);
  CHECK(lines.find("second=two", preflight) != std::string::npos);
}

TEST_CASE("a slot is free again when its connection goes, and one client has only its own") {
  ClientCounts counts;
  auto first = counts.take("key:a", 1);
  REQUIRE(first);
  CHECK_FALSE(counts.take("key:a", 1));
  CHECK(counts.take("key:b", 1));
  ClientCounts::Slot moved = std::move(*first);
  first.reset();
  CHECK_FALSE(counts.take("key:a", 1));
  moved = ClientCounts::Slot();
  CHECK(counts.take("key:a", 1));
}

TEST_CASE("an unknown name costs one hash, as a known one does, and finds nothing") {
  KeyRing ring{"X-Key",
               {{"a", auth::hash_key("1", "0123456789abcdef")},
                {"b", auth::hash_key("2", "0123456789abcdef")}}};
  CHECK(find_key(ring, {std::nullopt, base::Secret("2")}) == "b");
  CHECK(find_key(ring, {"b", base::Secret("2")}) == "b");
  CHECK_FALSE(find_key(ring, {"a", base::Secret("2")}));
  CHECK_FALSE(find_key(ring, {"c", base::Secret("1")}));
  CHECK_FALSE(find_key(ring, {std::nullopt, base::Secret("3")}));
}

}  // namespace vsaproxy::relay
