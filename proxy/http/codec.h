#pragma once
// The seam between bytes and messages: pull-style state machines without sockets. One codec per
// connection, owned by it; one thread. Bytes go in through next(), messages go out through
// encode_*.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::http {

struct Event {
  enum class Kind {
    need_input,  // everything given is used up
    interim,     // ClientCodec only: head() is a 1xx answer, the final one follows
    head,        // head() is complete
    data,        // a piece of the body
    end,         // the message is complete, trailers() too
  };
  Kind kind = Kind::need_input;
  std::string_view data;  // a view into the input of this call
};

// A body piece ready for writev: what stands before it, itself, what stands after it; each may be
// empty. `data` is the caller's; the others are valid until the codec's next encode call.
using EncodedData = std::array<std::string_view, 3>;

// The framing in which a body goes on to a receiver of that version: one of unknown length is
// chunked for HTTP/1.1 and until-close for HTTP/1.0.
BodyFraming framing_for(Version receiver, BodyFraming received);

// Reads requests, writes answers: the client's side.
class ServerCodec {
 public:
  virtual ~ServerCodec() = default;

  // Consumes the front of the input. Do not call it between `end` and the end of the answer: it
  // would begin the next (pipelined) request. After an error only encode_* may be called, and the
  // connection must be closed. Errors: bad_request, ambiguous_framing, headers_too_large.
  virtual base::Result<Event> next(std::string_view& input) = 0;
  // From the head event to the next call behind the end event; may be edited.
  virtual RequestHead& head() = 0;
  // Filtered; complete at the end event.
  virtual Fields& trailers() = 0;
  // The client waits for "100 Continue" before it sends the body (RFC 9110, 10.1.1).
  virtual bool expects_continue() const = 0;

  // Appends the head of an answer and chooses its framing by framing_for(). A 1xx head is only
  // appended, and not at all for a client of HTTP/1.0. An answer to HEAD announces its body, but
  // encode_data() and encode_end() then write none.
  virtual void encode_head(const ResponseHead& head, std::string& out) = 0;
  virtual EncodedData encode_data(std::string_view data) = 0;
  // Only for a complete body. `trailers` may be null; they are lost where the framing has none.
  virtual void encode_end(const Fields* trailers, std::string& out) = 0;
  // The body goes out as it is, so that it may pass without encode_data().
  virtual bool writes_plain() const = 0;

  // The connection ends with this answer; known at encode_head, which says so to the client.
  virtual bool wants_close() const = 0;
  virtual void close_after_answer() = 0;
  // Nothing of a request has arrived since the last one ended.
  virtual bool is_idle() const = 0;
  // As new, with memory kept for use.
  virtual void reset() = 0;
  // Only when idle and answered: frees all heap memory. head() and trailers() are then empty.
  virtual void release_memory() = 0;
};

// Writes requests, reads answers: the upstream's side.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;

  // Before the first byte of each request: its method decides how the answer ends.
  virtual void start(std::string_view request_method) = 0;
  virtual void encode_head(const RequestHead& head, std::string& out) = 0;
  virtual EncodedData encode_data(std::string_view data) = 0;
  // Also for a request without a body: it marks the request as wholly sent.
  virtual void encode_end(const Fields* trailers, std::string& out) = 0;

  // Consumes the front of the input. Bytes after the end of the answer, or before a request, are an
  // error. Errors: upstream_protocol, after which the connection must be closed.
  virtual base::Result<Event> next(std::string_view& input) = 0;
  // How much of a body is still to come that has no framing but its length: it may pass without
  // next(), which is told so, but for its last byte.
  virtual std::uint64_t plain_left() const = 0;
  virtual void skip_plain(std::uint64_t bytes) = 0;
  // The upstream closed before `end`: gives `end` if that ends the body, else upstream_closed.
  virtual base::Result<Event> end_of_input() = 0;
  // From an interim or head event to the next call behind that or the end event; may be edited.
  virtual ResponseHead& head() = 0;
  virtual Fields& trailers() = 0;

  // Any byte of an answer arrived since start().
  virtual bool saw_any_byte() const = 0;
  // Request and answer are complete, nothing followed, and both sides keep the connection.
  virtual bool can_reuse() const = 0;
  virtual void reset() = 0;
  // Only between exchanges: frees all heap memory.
  virtual void release_memory() = 0;
};

}  // namespace vsaproxy::http
