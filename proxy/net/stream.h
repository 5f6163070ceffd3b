#pragma once
// A connected byte stream with back-pressure: a socket, TLS on a socket, or memory in tests. Owned
// by the connection object of one side; one thread.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace vsaproxy::net {

enum class IoStatus { ok, would_block, end, failed };

struct ReadResult {
  IoStatus status = IoStatus::would_block;
  std::size_t bytes = 0;
};

// Who is told. Calls come from the loop, never from inside a call to the stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // There is something to read, an end included. Called again while there is.
  virtual void on_readable() = 0;
  // Everything that was kept has been sent.
  virtual void on_drained() = 0;
  // Kept bytes could not be sent, or the TLS handshake failed. Called once.
  virtual void on_failed(const base::Error& error) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes; what is unsent is lost

  virtual void set_handler(StreamHandler* handler) = 0;
  // Fills part of the span. `end` means the peer ended in order, `failed` that it did not.
  virtual ReadResult read(std::span<char> into) = 0;
  // Sends the parts in order, at the end of the loop's turn at the latest, as far as the peer takes
  // them, and keeps a copy of the rest: the caller watches unsent() and stops producing. False if
  // the stream is broken for sending; bytes that the peer sent before may still be read.
  virtual bool write(std::span<const std::string_view> parts) = 0;
  // Sends what write() put off until the end of the turn: unsent() and undelivered() know of it
  // from then on.
  virtual void push() {}
  // One more write() comes, and finish_writing() directly behind it: the end may go with the last
  // bytes, in one segment.
  virtual void announce_end() {}
  // Bytes that the peer has not taken.
  virtual std::size_t unsent() const = 0;
  // Bytes that the peer's system has not confirmed, unsent() and, in TLS, its framing included: a
  // reset takes them away. 0 of a connection that is broken. System calls.
  virtual std::size_t undelivered() const = 0;
  // on_readable() comes only while reading is on; it is on at first.
  virtual void set_reading(bool on) = 0;
  // Ends the sending side once everything is sent.
  virtual void finish_writing() = 0;
  // Makes destruction tell the peer that the message was cut (TCP reset) instead of a plain end.
  virtual void reset_on_close() = 0;
  // The socket whose bytes are the stream's own, nothing of which is kept here unread; -1: it has
  // none such.
  virtual int plain_socket() const { return -1; }
  // The DNS names of the peer's certificate, which has been verified; none without one.
  virtual std::vector<std::string> peer_dns_names() const { return {}; }
  // After read() has failed: why, if more is known than that the connection is broken. Errors:
  // upstream_tls, where nothing that was sent has been read; overloaded, where the kernel can't
  // watch one more socket.
  virtual std::optional<base::Error> failure() const { return std::nullopt; }
};

}  // namespace vsaproxy::net
