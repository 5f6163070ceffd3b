#pragma once
// Bytes of a body to its content: takes the framing off, without copying. Owned by a codec, one
// per message; pure.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/head_parser.h"
#include "proxy/http/message.h"

namespace vsaproxy::http {

struct Decoded {
  std::size_t consumed = 0;  // bytes of the input that are done with
  std::string_view data;     // content, a view into the input; may be empty
  bool finished = false;     // the body ends after this data
};

class BodyDecoder {
 public:
  // Whose body it is decides the kind of errors: bad_request and headers_too_large, or
  // upstream_protocol.
  enum class Sender { client, upstream };

  BodyDecoder(Sender sender, const HeadLimits& trailer_limits);

  // Begins a body. Its trailers so far are dropped.
  void start(BodyFraming framing);

  // Takes from the front of the input until one slice of data, the end of the body or the end of
  // the input. A body without content is finished by a call with empty input. After `finished` or
  // an error, not before the next start().
  base::Result<Decoded> decode(std::string_view input);

  // What is to come of a body that has no framing but its length; else 0.
  std::uint64_t plain_left() const { return state_ == State::content ? remaining_ : 0; }
  // So much of it passes by, fewer bytes than plain_left(): what ends the body is decoded.
  void skip_plain(std::uint64_t bytes) {
    assert(bytes < plain_left());
    remaining_ -= bytes;
  }

  // The connection was closed by the sender. Fine for Framing::until_close and after the end;
  // otherwise the body is truncated: client_gone or upstream_closed.
  base::Result<void> finish_at_close();

  bool is_finished() const { return state_ == State::finished; }

  // Complete once finished; as received, see filter_trailers().
  Fields& trailers() { return trailers_; }
  void release_memory();

  // Bytes of chunk extensions: in one chunk, and in all of a body's chunks together.
  static constexpr std::size_t max_extension = 1024;
  static constexpr std::size_t max_extensions = 16 * 1024;

 private:
  enum class State {
    content,        // remaining_ bytes are plain
    until_close,    // all bytes are plain
    size,           // hex digits of a chunk's size
    size_space,     // white space that must lead to an extension
    extension,      // skipped up to CR
    size_lf,        // LF that ends the line of the size
    chunk_content,  // remaining_ bytes of a chunk
    chunk_cr,
    chunk_lf,  // the line end after a chunk
    trailers,
    finished,
  };

  tl::unexpected<base::Error> error(std::string_view detail) const;
  tl::unexpected<base::Error> trailer_error(const base::Error& cause) const;
  std::string_view take_content(std::string_view& rest);
  base::Result<void> take_framing(char c);
  base::Result<void> take_size(char c);
  base::Result<void> take_extension(char c);
  base::Result<void> take_size_end(char c);
  base::Result<void> take_trailers(std::string_view& rest);

  Sender sender_;
  HeadLimits limits_;
  State state_ = State::finished;
  std::uint64_t remaining_ = 0;
  unsigned digits_ = 0;
  std::size_t extension_ = 0;
  std::size_t extensions_ = 0;
  HeadGatherer gatherer_;
  Fields trailers_;
  bool may_have_trailers_ = false;
};

}  // namespace vsaproxy::http
