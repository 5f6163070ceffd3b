// However the bytes of a conversation are cut on their way, both sides receive the same messages.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/relay/messages.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

const std::string json = "Content-Type: application/json";

struct Reply {
  std::string bytes;
  bool ends = false;       // the upstream closes behind it
  std::string login = "";  // then a login succeeds
};

std::string conversation_of_client() {
  return request("GET /a", "X-Own: 1") +
         request("POST /b", "Transfer-Encoding: chunked",
                 chunked("refused at first", 5, "X-Sum: 1")) +
         request("HEAD /c") + "\r\n" + request("PUT /d", "Content-Length: 10", "0123456789") +
         request("GET /e") + request("TRACE /refused") + request("GET /f") +
         request("POST /g", "Content-Length: 3\r\nConnection: close", "bye");
}

std::vector<Reply> replies_of_upstream() {
  const auto in_chunks = [](std::string_view body) {
    return "HTTP/1.1 200 OK\r\n" + json + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
           chunked(body, 6, "X-Sum: 2");
  };
  return {
      {in_chunks("{\"ResponseCode\": 0}")},
      {answer("401 Unauthorized", "who?"), false, "second"},
      {answer("200 OK", "stored")},
      {"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"},
      {"HTTP/1.1 204 No Content\r\n\r\n"},
      {in_chunks("{\"ResponseCode\": 401}"), false, "third"},
      {"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\n\r\nuntil the end", true},
      {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + in_chunks("{\"a\": [1, 2, 3]}")},
      {answer("200 OK", "good bye", json)},
  };
}

constexpr std::size_t nowhere = std::string::npos;

std::string describe(const Message& message) {
  std::string text = message.start + "\n";
  for (const auto& [name, value] : message.fields) text += name + ": " + value + "\n";
  text += fmt::format("[{}]\n", message.body);
  for (const auto& [name, value] : message.trailers) text += name + ": " + value + "\n";
  return text;
}

// One run of the conversation, and what either side received.
class Conversation {
 public:
  explicit Conversation(const RelayConfigPtr& config) : bench_(config) { bench_.log_in("first"); }

  // At most so many bytes are read at once.
  void set_piece(std::size_t bytes) { piece_ = bytes; }
  // The upstream's bytes are cut there, counted over all its replies.
  void cut_upstream_at(std::size_t position) { cut_ = position; }

  // The client's bytes, cut at the position.
  std::string run(std::size_t client_cut) {
    const std::string bytes = conversation_of_client();
    const PeerPtr client = bench_.connect();
    client->set_piece(piece_);
    const std::size_t first = std::min(client_cut, bytes.size());
    client->send(bytes.substr(0, first));
    reply_to_all();
    client->send(bytes.substr(first));
    reply_to_all();
    return transcript_ + "--- to the client\n" + answers_of(client->received());
  }

 private:
  void reply_to_all() {
    bench_.settle();
    while (reply_to_one()) bench_.settle();
  }

  bool reply_to_one() {
    for (std::size_t i = 0; i < bench_.upstreams(); ++i) {
      MemoryPeer& peer = bench_.upstream(i);
      seen_.resize(bench_.upstreams());
      const auto messages = read_messages(peer.received());
      if (messages.size() <= seen_[i] || !messages[seen_[i]].is_whole) continue;
      transcript_ += describe(messages[seen_[i]++]);
      peer.set_piece(piece_);
      REQUIRE_FALSE(replies_.empty());
      send(peer, replies_.front());
      replies_.erase(replies_.begin());
      return true;
    }
    return false;
  }

  void send(MemoryPeer& peer, const Reply& reply) {
    const std::size_t end = sent_ + reply.bytes.size();
    const std::size_t first = cut_ > sent_ && cut_ < end ? cut_ - sent_ : reply.bytes.size();
    sent_ = end;
    peer.send(reply.bytes.substr(0, first));
    bench_.settle();
    peer.send(reply.bytes.substr(first));
    if (reply.ends) peer.end();
    bench_.settle();
    if (!reply.login.empty()) bench_.log_in(reply.login);
  }

  // The third answer is to HEAD.
  static std::string answers_of(std::string_view bytes) {
    const std::string_view head_answer = "Content-Length: 12345\r\n";
    const auto place = bytes.find(head_answer);
    if (place == std::string_view::npos) return "no answer to HEAD";
    const std::size_t end = bytes.find("\r\n\r\n", place) + 4;
    const std::size_t begin = bytes.rfind("HTTP/1.1", place);
    std::string text;
    for (const Message& message : read_messages(bytes.substr(0, begin))) text += describe(message);
    text.append(bytes.substr(begin, end - begin));
    for (const Message& message : read_messages(bytes.substr(end))) {
      text += describe(message);
      if (!message.is_whole) text += "and cut short\n";
    }
    return text;
  }

  RelayBench bench_;
  std::vector<Reply> replies_ = replies_of_upstream();
  std::vector<std::size_t> seen_;  // messages, by upstream connection
  std::size_t piece_ = MemoryPeer::unlimited;
  std::size_t cut_ = nowhere;
  std::size_t sent_ = 0;
  std::string transcript_;
};

// Sanitizers make each run ten times as long.
std::size_t step() { return std::getenv("SANITIZE") == nullptr ? 1 : 13; }

}  // namespace

TEST_CASE("the conversation for any cutting shows what it should") {
  const RelayConfigPtr config = make_config(session_file());
  Conversation whole(config);
  const std::string text = whole.run(nowhere);
  INFO(text);
  for (const std::string_view part :
       {"GET /a HTTP/1.1\n", "Bearer first\n", "[refused at first]\nX-Sum: 1\n", "Bearer second\n",
        "[0123456789]\n", "Bearer third\n", "[stored]\n", "Content-Length: 12345\r\n",
        "HTTP/1.1 204 No Content\n", "X-Folded: a b\n", "[until the end]\n",
        "X-Proxy-Error: method_refused\n", "[{\"a\": [1, 2, 3]}]\nX-Sum: 2\n", "[bye]\n",
        "[good bye]\n"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
  for (const std::string_view part :
       {"who?", "\"ResponseCode\": 401", "Early Hints", "cut short"}) {
    INFO(part);
    CHECK(text.find(part) == std::string::npos);
  }
}

TEST_CASE("a conversation is the same however its bytes are cut") {
  const RelayConfigPtr config = make_config(session_file());
  const std::string expected = Conversation(config).run(nowhere);

  SECTION("in small pieces both ways") {
    for (const std::size_t piece : {1, 2, 3, 5, 7, 16, 64}) {
      INFO("pieces of " << piece);
      Conversation cut(config);
      cut.set_piece(piece);
      CHECK(cut.run(nowhere) == expected);
    }
  }
  SECTION("the client's bytes in two") {
    for (std::size_t i = 1; i < conversation_of_client().size(); i += step()) {
      INFO("cut at " << i);
      Conversation cut(config);
      REQUIRE(cut.run(i) == expected);
    }
  }
  SECTION("the upstream's bytes in two") {
    std::size_t size = 0;
    for (const Reply& reply : replies_of_upstream()) size += reply.bytes.size();
    for (std::size_t i = 1; i < size; i += step()) {
      INFO("cut at " << i);
      Conversation cut(config);
      cut.cut_upstream_at(i);
      REQUIRE(cut.run(nowhere) == expected);
    }
  }
}

}  // namespace vsaproxy::relay
