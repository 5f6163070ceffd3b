#pragma once
// Requests as the simulator reads them: deliberately its own reading of RFC 9112, strict and apart
// from the proxy's, so that a framing mistake of the proxy is a mistake here too and gets counted.

#include <event2/buffer.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {

struct Field {
  std::string name;
  std::string value;
};

struct RequestHead {
  std::string method;
  std::string target;
  int minor_version = 1;
  std::vector<Field> fields;
  bool is_chunked = false;
  std::uint64_t content_length = 0;
  bool keeps_alive = true;
  bool expects_continue = false;

  bool has_body() const { return is_chunked || content_length > 0; }
  // The first field of that name in any case, or null.
  const std::string* field(std::string_view name) const;
};

// `text` ends with the empty line. The error is a sentence for the 400 answer.
tl::expected<RequestHead, std::string> parse_head(std::string_view text);

bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);

// Takes one request's body out of a connection's input.
class BodyReader {
 public:
  explicit BodyReader(const RequestHead& head);

  // Removes as much of the body as there is and gives its content to `sink` in pieces. True when
  // the body is complete; what follows it stays in the buffer.
  tl::expected<bool, std::string> read(evbuffer* input,
                                       const std::function<void(std::string_view)>& sink);
  const std::vector<Field>& trailers() const { return trailers_; }

 private:
  enum class State { length_data, chunk_size, chunk_data, chunk_end, trailers, finished };

  tl::expected<bool, std::string> read_line(evbuffer* input);
  void read_data(evbuffer* input, const std::function<void(std::string_view)>& sink);

  State state_;
  std::uint64_t remaining_;
  std::vector<Field> trailers_;
};

inline constexpr std::size_t default_body_limit = 65536;

// A request while it is read and answered.
struct Request {
  std::uint64_t connection_id = 0;
  std::uint64_t number = 1;  // on its connection, from 1
  bool from_loopback = false;
  bool is_tls = false;
  RequestHead head;
  std::vector<Field> trailers;
  std::uint64_t body_bytes = 0;
  std::string body;  // the first body_limit bytes
  std::size_t body_limit = default_body_limit;
  Sha256 body_hash;                 // of all of it
  bool on_used_connection = false;  // an earlier request there was no control request
  // What the handler found out at the head, for its own later use.
  bool is_control = false;
  bool is_refused = false;
  std::uint64_t log_number = 0;
};

}  // namespace vsaproxy::simulator
