#include "proxy/http/body_decoder.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace vsaproxy::http {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

constexpr unsigned max_size_digits = 16;
constexpr auto largest_chunk = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// The value of a hex digit, or 16.
constexpr unsigned hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 16;
}

constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

}  // namespace

BodyDecoder::BodyDecoder(Sender sender, const HeadLimits& trailer_limits)
    : sender_(sender),
      limits_(trailer_limits),
      gatherer_(trailer_limits, HeadGatherer::Leading::nothing) {}

void BodyDecoder::start(BodyFraming framing) {
  remaining_ = framing.length;
  digits_ = 0;
  extension_ = extensions_ = 0;
  if (std::exchange(may_have_trailers_, framing.kind == Framing::chunked)) {
    gatherer_.clear();
    trailers_.clear();
  }
  switch (framing.kind) {
    case Framing::none:
      state_ = State::finished;
      break;
    case Framing::length:
      state_ = remaining_ == 0 ? State::finished : State::content;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
    case Framing::chunked:
      state_ = State::size;
      remaining_ = 0;
      break;
  }
}

Result<Decoded> BodyDecoder::decode(std::string_view input) {
  std::string_view rest = input;
  std::string_view data;
  while (data.empty() && !rest.empty() && state_ != State::finished) {
    switch (state_) {
      case State::content:
      case State::until_close:
      case State::chunk_content:
        data = take_content(rest);
        break;
      case State::trailers:
        if (const auto taken = take_trailers(rest); !taken) return fail(taken.error());
        break;
      default:
        if (const auto taken = take_framing(rest.front()); !taken) return fail(taken.error());
        rest.remove_prefix(1);
    }
  }
  return Decoded{input.size() - rest.size(), data, state_ == State::finished};
}

std::string_view BodyDecoder::take_content(std::string_view& rest) {
  if (state_ == State::until_close) return std::exchange(rest, {});
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
  const std::string_view data = rest.substr(0, size);
  rest.remove_prefix(size);
  remaining_ -= size;
  if (remaining_ == 0) state_ = state_ == State::content ? State::finished : State::chunk_cr;
  return data;
}

// One byte outside of the content (RFC 9112, 7.1).
Result<void> BodyDecoder::take_framing(char c) {
  switch (state_) {
    case State::size:
      return take_size(c);
    case State::size_space:
    case State::extension:
      return take_extension(c);
    case State::size_lf:
      return take_size_end(c);
    case State::chunk_cr:
      if (c != '\r') return error("a chunk is longer than its size");
      state_ = State::chunk_lf;
      return {};
    default:
      if (c != '\n') return error("a chunk does not end with CRLF");
      state_ = State::size;
      digits_ = 0;
      return {};
  }
}

Result<void> BodyDecoder::take_size(char c) {
  if (const unsigned value = hex_value(c); value < 16) {
    if (++digits_ > max_size_digits) return error("a chunk size has too many digits");
    remaining_ = remaining_ << 4 | value;
    return {};
  }
  if (digits_ == 0) return error("a chunk size has no digits");
  if (remaining_ > largest_chunk) return error("a chunk size is too large");
  extension_ = 0;
  if (c == '\r') {
    state_ = State::size_lf;
    return {};
  }
  state_ = State::size_space;
  return take_extension(c);
}

Result<void> BodyDecoder::take_extension(char c) {
  if (c == '\r' && state_ == State::extension) {
    state_ = State::size_lf;
    return {};
  }
  if (c == ';') {
    state_ = State::extension;
  } else if (is_control(c) || (state_ == State::size_space && c != ' ' && c != '\t')) {
    return error("a chunk size is followed by something else than an extension");
  }
  if (++extension_ > max_extension || ++extensions_ > max_extensions) {
    return error("the chunk extensions are too large");
  }
  return {};
}

Result<void> BodyDecoder::take_size_end(char c) {
  if (c != '\n') return error("the line of a chunk size does not end with CRLF");
  state_ = remaining_ == 0 ? State::trailers : State::chunk_content;
  return {};
}

Result<void> BodyDecoder::take_trailers(std::string_view& rest) {
  const auto section = gatherer_.gather(rest);
  if (!section) return trailer_error(section.error());
  if (!*section) return {};
  if (const auto parsed = parse_trailers(**section, limits_, trailers_); !parsed) {
    return trailer_error(parsed.error());
  }
  state_ = State::finished;
  return {};
}

Result<void> BodyDecoder::finish_at_close() {
  if (state_ == State::until_close) state_ = State::finished;
  if (state_ == State::finished) return {};
  return fail(sender_ == Sender::client ? ErrorKind::client_gone : ErrorKind::upstream_closed,
              "the connection was closed before the end of the body");
}

void BodyDecoder::release_memory() {
  gatherer_.release_memory();
  trailers_.release_memory();
}

tl::unexpected<base::Error> BodyDecoder::error(std::string_view detail) const {
  return fail(sender_ == Sender::client ? ErrorKind::bad_request : ErrorKind::upstream_protocol,
              std::string(detail));
}

tl::unexpected<base::Error> BodyDecoder::trailer_error(const base::Error& cause) const {
  if (sender_ == Sender::client) return fail(cause);
  return fail(ErrorKind::upstream_protocol, cause.detail);
}

}  // namespace vsaproxy::http
