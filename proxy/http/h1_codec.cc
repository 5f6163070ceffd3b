#include "proxy/http/h1_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/proxy_fields.h"

namespace vsaproxy::http {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

// RFC 9112, 9.3.
bool keeps_alive(Version version, const Fields& fields) {
  if (fields.list_has("Connection", "close")) return false;
  return version == Version::http_1_1 || fields.list_has("Connection", "keep-alive");
}

// A proxy must not keep the connection of an HTTP/1.0 client; to one that uses the origin form it
// is a server (RFC 9112, 9.3).
bool keeps_alive(const RequestHead& head) {
  const bool is_proxied = head.target.front() != '/';
  return keeps_alive(head.version, head.fields) &&
         !(is_proxied && head.version == Version::http_1_0);
}

}  // namespace

BodyFraming framing_for(Version receiver, BodyFraming received) {
  if (receiver == Version::http_1_0 && received.kind == Framing::chunked) {
    return {Framing::until_close, 0};
  }
  if (receiver == Version::http_1_1 && received.kind == Framing::until_close) {
    return {Framing::chunked, 0};
  }
  return received;
}

void BodyEncoder::start(BodyFraming framing, Output output) {
  framing_ = framing.kind;
  output_ = output;
}

EncodedData BodyEncoder::encode(std::string_view data) {
  // An empty chunk would be the last one.
  if (output_ == Output::suppressed || framing_ == Framing::none || data.empty()) return {};
  if (framing_ != Framing::chunked) return {std::string_view(), data, std::string_view()};
  chunk_.emplace(data.size());
  return {chunk_->text(), data, "\r\n"};
}

void BodyEncoder::finish(const Fields* trailers, std::string& out) {
  if (output_ == Output::written && framing_ == Framing::chunked) append_last_chunk(out, trailers);
}

H1ServerCodec::H1ServerCodec(const HeadLimits& limits)
    : limits_(limits),
      gatherer_(limits, HeadGatherer::Leading::one_empty_line),
      decoder_(BodyDecoder::Sender::client, limits) {}

Result<Event> H1ServerCodec::next(std::string_view& input) {
  auto event = state_ == State::head   ? read_head(input)
               : state_ == State::body ? read_body(input)
                                       : fail(ErrorKind::bad_request, "the connection has failed");
  if (!event) {
    state_ = State::failed;
    close_ = true;
  }
  return event;
}

Result<Event> H1ServerCodec::read_head(std::string_view& input) {
  // What an answer to an unreadable head goes by.
  version_ = Version::http_1_1;
  is_head_request_ = expects_continue_ = false;
  if (!gatherer_.is_at_begin() || !take_request_head(input, limits_, head_)) {
    const auto section = gatherer_.gather(input);
    if (!section) return fail(section.error());
    if (!*section) return Event{};
    if (const auto parsed = parse_request_head(**section, limits_, head_); !parsed) {
      return fail(parsed.error());
    }
  }
  state_ = State::body;
  decoder_.start(head_.body);
  version_ = head_.version;
  is_head_request_ = head_.method == "HEAD";
  close_ = !keeps_alive(head_);
  expects_continue_ = version_ == Version::http_1_1 && head_.body != BodyFraming{} &&
                      head_.fields.list_has("Expect", "100-continue");
  return Event{Event::Kind::head, {}};
}

Result<Event> H1ServerCodec::read_body(std::string_view& input) {
  if (!decoder_.is_finished()) {
    const auto decoded = decoder_.decode(input);
    if (!decoded) return fail(decoded.error());
    input.remove_prefix(decoded->consumed);
    if (!decoded->data.empty()) return Event{Event::Kind::data, decoded->data};
    if (!decoded->finished) return Event{};
  }
  state_ = State::head;
  if (!decoder_.trailers().all().empty()) filter_trailers(decoder_.trailers());
  return Event{Event::Kind::end, {}};
}

void H1ServerCodec::encode_head(const ResponseHead& head, std::string& out) {
  if (head.status < 200) {
    if (version_ == Version::http_1_1) append_response_head(out, head);
    return;
  }
  const BodyFraming framing = framing_for(version_, head.body);
  if (framing.kind == Framing::until_close) close_ = true;
  auto option = ConnectionOption::unspoken;
  if (close_) {
    option = ConnectionOption::close;
  } else if (version_ == Version::http_1_0) {
    option = ConnectionOption::keep_alive;
  }
  append_response_head(out, head, framing, option);
  encoder_.start(framing,
                 is_head_request_ ? BodyEncoder::Output::suppressed : BodyEncoder::Output::written);
}

void H1ServerCodec::encode_end(const Fields* trailers, std::string& out) {
  encoder_.finish(trailers, out);
}

void H1ServerCodec::reset() {
  state_ = State::head;
  close_ = expects_continue_ = is_head_request_ = false;
  version_ = Version::http_1_1;
  gatherer_.clear();
  decoder_.start({});
  encoder_.start({}, BodyEncoder::Output::written);
  head_.clear();
}

void H1ServerCodec::release_memory() {
  gatherer_.release_memory();
  decoder_.release_memory();
  head_.clear();
  head_.fields.release_memory();
}

H1ClientCodec::H1ClientCodec(const HeadLimits& limits)
    : limits_(limits),
      gatherer_(limits, HeadGatherer::Leading::nothing),
      decoder_(BodyDecoder::Sender::upstream, limits) {}

void H1ClientCodec::start(std::string_view request_method) {
  state_ = State::head;
  method_ = request_method;
  saw_any_byte_ = request_sent_ = keep_alive_ = false;
  interim_heads_ = 0;
}

void H1ClientCodec::encode_head(const RequestHead& head, std::string& out) {
  append_request_head(out, head);
  encoder_.start(head.body, BodyEncoder::Output::written);
}

void H1ClientCodec::encode_end(const Fields* trailers, std::string& out) {
  encoder_.finish(trailers, out);
  request_sent_ = true;
}

Result<Event> H1ClientCodec::next(std::string_view& input) {
  if (!input.empty()) saw_any_byte_ = true;
  auto event = step(input);
  if (!event) state_ = State::failed;
  return event;
}

Result<Event> H1ClientCodec::step(std::string_view& input) {
  switch (state_) {
    case State::head:
      return read_head(input);
    case State::body:
      return read_body(input);
    case State::idle:
    case State::done:
      if (input.empty()) return Event{};
      return fail(ErrorKind::upstream_protocol, "the upstream sent bytes outside of an answer");
    case State::failed:
      break;
  }
  return fail(ErrorKind::upstream_protocol, "the connection has failed");
}

Result<Event> H1ClientCodec::read_head(std::string_view& input) {
  if (!gatherer_.is_at_begin() || !take_response_head(input, limits_, method_, head_)) {
    const auto section = gatherer_.gather(input);
    if (!section) return fail(ErrorKind::upstream_protocol, section.error().detail);
    if (!*section) return Event{};
    if (const auto parsed = parse_response_head(**section, limits_, method_, head_); !parsed) {
      return fail(parsed.error());
    }
  }
  if (head_.status == 101) {
    return fail(ErrorKind::upstream_protocol, "the upstream switched to another protocol");
  }
  if (head_.status < 200) {
    if (++interim_heads_ > max_interim_heads) {
      return fail(ErrorKind::upstream_protocol, "the upstream sent too many interim answers");
    }
    return Event{Event::Kind::interim, {}};
  }
  state_ = State::body;
  keep_alive_ = keeps_alive(head_.version, head_.fields);
  decoder_.start(head_.body);
  return Event{Event::Kind::head, {}};
}

Result<Event> H1ClientCodec::read_body(std::string_view& input) {
  if (!decoder_.is_finished()) {
    const auto decoded = decoder_.decode(input);
    if (!decoded) return fail(decoded.error());
    input.remove_prefix(decoded->consumed);
    if (!decoded->data.empty()) return Event{Event::Kind::data, decoded->data};
    if (!decoded->finished) return Event{};
  }
  if (!input.empty()) keep_alive_ = false;
  return finish();
}

Event H1ClientCodec::finish() {
  state_ = State::done;
  if (!decoder_.trailers().all().empty()) filter_trailers(decoder_.trailers());
  return Event{Event::Kind::end, {}};
}

Result<Event> H1ClientCodec::end_of_input() {
  keep_alive_ = false;
  if (state_ != State::body) {
    return fail(ErrorKind::upstream_closed, "the upstream closed before it answered");
  }
  if (const auto finished = decoder_.finish_at_close(); !finished) {
    state_ = State::failed;
    return fail(finished.error());
  }
  return finish();
}

bool H1ClientCodec::can_reuse() const {
  return state_ == State::done && request_sent_ && keep_alive_;
}

void H1ClientCodec::reset() {
  start({});
  state_ = State::idle;
  gatherer_.clear();
  decoder_.start({});
  encoder_.start({}, BodyEncoder::Output::written);
  head_.clear();
}

void H1ClientCodec::release_memory() {
  gatherer_.release_memory();
  decoder_.release_memory();
  head_.clear();
  head_.fields.release_memory();
  std::string().swap(method_);
}

}  // namespace vsaproxy::http
