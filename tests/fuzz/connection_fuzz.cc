// Whole connections: clients and upstreams that send, stall, take slowly, close and break, logins
// that come, fail and are held, and time that passes, in any order. The input is a script of events
// between bytes 0x1e: a letter (see Play::act), a digit for the connection, and what it carries.

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h1_codec.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/second_reader.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {
namespace {

using base::Duration;
using fuzz::check;
using fuzz::SeenRequest;

constexpr char separator = '\x1e';
constexpr std::string_view token = "session-of-fuzzing-";
constexpr std::uint16_t session_port = 9280;
// What the proxy writes may be larger than what it reads: framing, Host, Via, credential.
constexpr http::HeadLimits wide{128 * 1024, 200};
constexpr std::size_t most_events = 200;
constexpr std::string_view file = R"(version: 1
listen: 127.0.0.1:3128
admin: off
upstreams:
  vsa:
    url: http://127.0.0.1:9280
    auth: {type: kaseya-vsa9, username: demo, token: {file: demo.pat}}
    pool: {max_connections: 2}
    replay: {max_body: 1KiB, expect_continue: true}
  open:
    url: http://127.0.0.1:9281
    auth: none
routes:
  - match: {path_prefix: /open}
    upstream: open
    strip_prefix: /open
  - upstream: vsa
limits: {request_body: 64KiB, header_bytes: 4KiB}
)";

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::size_t number_in(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::min<std::size_t>(value, 10'000'000);
}

// The requests of a connection, by our codec.
struct Requests {
  Requests(std::string_view bytes, const http::HeadLimits& limits) {
    http::H1ServerCodec codec(limits);
    while (const auto event = codec.next(bytes)) {
      if (event->kind == http::Event::Kind::need_input) return;
      is_between = event->kind == http::Event::Kind::end;
      if (event->kind == http::Event::Kind::head) {
        all.push_back({std::string(codec.head().method), "", false});
        heads.push_back(codec.head().fields.clone());
      } else if (event->kind == http::Event::Kind::data) {
        all.back().body += event->data;
      } else {
        all.back().is_whole = true;
      }
    }
    is_refused = true;
  }

  std::vector<SeenRequest> all;
  std::vector<http::Fields> heads;
  bool is_refused = false;
  bool is_between = true;  // no message is under way, or only its head is
};

// What reached an upstream is a row of whole requests, the last one perhaps cut, for both readers.
void check_framing(std::string_view bytes, const Requests& requests) {
  check(!requests.is_refused, "what reaches an upstream is well formed");
  for (std::size_t i = 0; i + 1 < requests.all.size(); ++i) {
    check(requests.all[i].is_whole, "only the last request of a connection may be cut");
  }
  const fuzz::SecondReader second(bytes);
  if (second.is_at_a_loss()) return;
  check(!second.is_refused(), "http-parser takes what reaches an upstream");
  check(second.requests() == requests.all, "http-parser sees the same requests");
}

// Ours and nothing else's, once for each request, and nowhere but in its field.
void check_credential(std::string_view bytes, const Requests& requests) {
  for (const http::Fields& fields : requests.heads) {
    std::size_t count = 0;
    for (const http::Field& field : fields.all()) {
      if (!base::equals_ignoring_case(field.name, "Authorization")) continue;
      ++count;
      check(field.value.substr(0, 7) == "Bearer " && field.value.substr(7, token.size()) == token,
            "the credential is ours");
    }
    check(count == 1, "a request has one credential");
  }
  const std::size_t beyond = occurrences(bytes, token) - requests.heads.size();
  check(beyond == 0 || (beyond == 1 && requests.is_between), "the credential is in its field only");
}

// What a client received is a row of answers to what it asked, the last one perhaps cut.
void check_answers(std::string_view bytes, const Requests& requests, bool was_cut) {
  check(bytes.find(token) == bytes.npos, "the credential stays here");
  // One more than was asked: the refusal of what is no request.
  for (std::size_t i = 0; i <= requests.all.size() && !bytes.empty(); ++i) {
    http::H1ClientCodec codec(wide);
    codec.start(i < requests.all.size() ? requests.all[i].method : "GET");
    for (;;) {
      const auto event = codec.next(bytes);
      check(event.has_value(), "what reaches a client is well formed");
      if (event->kind == http::Event::Kind::end) break;
      if (event->kind != http::Event::Kind::need_input) continue;
      check(was_cut || codec.end_of_input().has_value(), "an answer is whole unless it was cut");
      return;
    }
  }
  check(bytes.empty(), "no more answers than requests");
}

class Play {
 public:
  Play() : bench_(config()) { bench_.log_in(next_token()); }

  void run(std::string_view script) {
    for (std::size_t n = 0; n < most_events && !script.empty(); ++n) {
      const std::size_t end = std::min(script.find(separator), script.size());
      const std::string_view event = script.substr(0, end);
      script.remove_prefix(std::min(end + 1, script.size()));
      if (event.size() >= 2) act(event[0], static_cast<std::uint8_t>(event[1]), event.substr(2));
    }
    finish();
  }

 private:
  struct Client {
    PeerPtr peer;
    std::string sent;
    bool is_slow = false;
    bool has_failed = false;
  };

  static const RelayConfigPtr& config() {
    static const RelayConfigPtr made = make_config(file);
    return made;
  }
  std::string next_token() { return std::string(token) + std::to_string(++tokens_); }

  void act(char what, std::size_t which, std::string_view text) {
    if (act_on_client(what, which, text) || act_on_upstream(what, which, text)) {
      if (what != 'c' && what != 'u') bench_.settle();
      return;
    }
    act_on_the_rest(what, text);
  }

  bool act_on_client(char what, std::size_t which, std::string_view text) {
    if (std::string_view("CcEXWP").find(what) == std::string_view::npos) return false;
    Client& client = client_at(which % 4);
    switch (what) {
      case 'C':
      case 'c':  // without letting anybody react
        client.peer->send(text);
        client.sent += text;
        break;
      case 'E':
        client.peer->end();
        break;
      case 'X':
        client.has_failed = true;
        client.peer->fail();
        break;
      case 'W':
        client.is_slow = true;
        client.peer->set_window(number_in(text));
        break;
      default:
        client.peer->set_piece(1 + number_in(text));
    }
    return true;
  }

  bool act_on_upstream(char what, std::size_t which, std::string_view text) {
    if (std::string_view("UueFwp").find(what) == std::string_view::npos) return false;
    if (bench_.upstreams() == 0) return true;
    MemoryPeer& peer = bench_.upstream(which % bench_.upstreams());
    switch (what) {
      case 'U':
      case 'u':  // without letting anybody react
        peer.send(text);
        break;
      case 'e':
        peer.end();
        break;
      case 'F':
        peer.fail();
        break;
      case 'w':
        peer.set_window(number_in(text));
        break;
      default:
        peer.set_piece(1 + number_in(text));
    }
    return true;
  }

  void act_on_the_rest(char what, std::string_view text) {
    switch (what) {
      case 'T':
        bench_.advance(milliseconds(number_in(text)));
        break;
      case 'L':
        bench_.log_in(next_token(), seconds(1 + number_in(text)));
        break;
      case 'B':
        bench_.block_logins(ErrorKind::login_unavailable, milliseconds(number_in(text)));
        break;
      case 'H':
        bench_.set_hold(number_in(text));
        break;
      case 'h':
        bench_.dialer().set_mode(FakeDialer::Mode::hold);
        break;
      case 'A':
        if (bench_.dialer().waiting() > 0) bench_.dialer().accept(number_in(text));
        bench_.settle();
        break;
      case 'R':
        if (bench_.dialer().waiting() > 0) {
          bench_.dialer().refuse({ErrorKind::upstream_connect, "refused"});
        }
        bench_.settle();
        break;
      case 'D':
        bench_.drain();
        break;
      default:
        bench_.settle();
    }
  }

  // A place whose connection is closed gets a new one.
  Client& client_at(std::size_t place) {
    const auto known = open_.find(place);
    if (known != open_.end() && !clients_[known->second].peer->is_closed()) {
      return clients_[known->second];
    }
    open_[place] = clients_.size();
    clients_.push_back({bench_.connect(), "", false, false});
    return clients_.back();
  }

  // Nobody does anything any more: time alone ends whatever is under way.
  void finish() {
    bench_.advance(minutes(30));
    check(bench_.clients() == 0, "time ends every client");
    check(bench_.dialer().waiting() == 0, "time ends every dial");
    for (const auto& labels : {ops::LabelValues{"upstream", "active"},
                               {"upstream", "idle"},
                               {"client", "active"},
                               {"client", "idle"}}) {
      check(bench_.gauge("vsaproxy_connections", labels) == 0, "no connection is counted");
    }
    check(bench_.is_idle(), "no timer is left");
    std::map<std::pair<std::string, std::string>, std::size_t> asked;
    for (const Client& client : clients_) {
      const Requests requests(client.sent, wide);
      for (const SeenRequest& each : requests.all) {
        if (each.is_whole) ++asked[{each.method, each.body}];
      }
      const bool was_cut = client.peer->was_reset() || client.is_slow || client.has_failed;
      check_answers(client.peer->received(), requests, was_cut);
    }
    check_upstreams(asked);
  }

  void check_upstreams(std::map<std::pair<std::string, std::string>, std::size_t>& asked) {
    std::map<std::pair<std::string, std::string>, std::size_t> arrived;
    for (std::size_t i = 0; i < bench_.upstreams(); ++i) {
      const std::string& bytes = bench_.upstream(i).received();
      const Requests requests(bytes, wide);
      check_framing(bytes, requests);
      if (bench_.dialer().ports()[i] == session_port) {
        check_credential(bytes, requests);
      } else {
        check(bytes.find(token) == bytes.npos, "the credential goes to its upstream only");
      }
      for (const SeenRequest& each : requests.all) {
        if (each.is_whole) ++arrived[{each.method, each.body}];
      }
    }
    // One retry on a stale connection and one replay with a newer session, itself perhaps retried.
    for (const auto& [request, count] : arrived) {
      check(count <= 4 * asked[request], "an upstream gets what a client asked for");
    }
  }

  RelayBench bench_;
  std::vector<Client> clients_;
  std::map<std::size_t, std::size_t> open_;  // place: the last connection there
  int tokens_ = 0;
};

}  // namespace
}  // namespace vsaproxy::relay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  // Whoever knows the session could send it anywhere.
  if (script.find(vsaproxy::relay::token) != std::string_view::npos) return 0;
  vsaproxy::relay::Play play;
  play.run(script);
  return 0;
}
