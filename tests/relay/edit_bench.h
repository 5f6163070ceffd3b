#pragma once
// The relay bench for messages that carry the session, with a made-up API: its editor puts the
// token, between "<" and ">", where "{T}" stands. One thread.

#include <memory>
#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"
#include "tests/relay/relay_bench.h"

namespace vsaproxy::relay {

// POST needs its body, any other method its target if that has a mark; a body with "Authenticate"
// is a login, one with "bad" is refused. The answer to a target with "?WSDL" names the address
// "http://server"; a body with "no session" says that the session is gone.
const auth::SchemeSpec& mark_scheme();

// "POST /ws" with its length; `fields` are further ones, as in request().
std::string post(std::string_view body, std::string_view fields = "");

// A bench with session "one", and a client.
struct Desk {
  explicit Desk(std::string_view upstream = "", std::string_view rest = "",
                const std::string& log_file = "/dev/null");

  void send(std::string_view bytes) {
    client->send(bytes);
    bench.settle();
  }
  void answer_with(std::string_view bytes, std::size_t connection = 0) {
    bench.upstream(connection).send(bytes);
    bench.settle();
  }
  // What the client got since the last time: the status of the only message, and its reason.
  std::string status();
  std::string reason();

  RelayBench bench;
  PeerPtr client;
};

}  // namespace vsaproxy::relay
