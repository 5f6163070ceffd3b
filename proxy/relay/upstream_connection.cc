#include "proxy/relay/upstream_connection.h"

#include <utility>

namespace vsaproxy::relay {
namespace {

// Less than that is copied: it costs no more.
constexpr std::uint64_t least_spliced = 64 * 1024;
// The end of a body is read: what the upstream sends behind it must be seen.
constexpr std::uint64_t read_at_end = 16 * 1024;

}  // namespace

using base::Error;
using base::ErrorKind;
using http::Event;

UpstreamConnection::UpstreamConnection(std::unique_ptr<net::Stream> stream,
                                       const http::HeadLimits& limits, std::span<char> scratch)
    : stream_(std::move(stream)), codec_(limits), scratch_(scratch) {
  stream_->set_handler(this);
}

void UpstreamConnection::begin(AnswerHandler& handler, std::string_view method) {
  handler_ = &handler;
  idle_ = nullptr;
  ++exchanges_;
  codec_.start(method);
}

void UpstreamConnection::become_idle(IdleHandler& idle, base::Time now) {
  handler_ = nullptr;
  idle_ = &idle;
  idle_since_ = now;
  stream_->set_reading(true);
}

void UpstreamConnection::write(std::span<const std::string_view> parts) {
  if (!stream_->write(parts)) is_sound_ = false;
}

void UpstreamConnection::on_readable() {
  const std::optional<net::ReadResult> spliced = splice_answer();
  const net::ReadResult result = spliced ? *spliced : stream_->read(scratch_);
  if (result.status == net::IoStatus::would_block) return;
  if (handler_ == nullptr) {
    // Whatever comes while nobody asked, an end or bytes, makes the connection unfit.
    is_sound_ = false;
    stream_->set_reading(false);
    if (idle_ != nullptr) std::exchange(idle_, nullptr)->on_idle_closed(*this);
    return;
  }
  switch (result.status) {
    case net::IoStatus::ok:
      if (!spliced) read_answer({scratch_.data(), result.bytes});
      return;
    case net::IoStatus::end: {
      is_sound_ = false;
      const auto event = codec_.end_of_input();
      if (!event) return fail(event.error());
      deliver(*event);
      return;
    }
    default:
      is_sound_ = false;
      fail(stream_->failure().value_or(
          Error{ErrorKind::upstream_closed,
                codec_.saw_any_byte() ? "the upstream broke the connection within its answer"
                                      : "the upstream broke the connection without an answer"}));
  }
}

std::optional<net::ReadResult> UpstreamConnection::splice_answer() {
  const std::uint64_t left = codec_.plain_left();
  if (handler_ == nullptr || left < least_spliced) return std::nullopt;
  const auto spliced = handler_->on_answer_spliceable(*stream_, left - read_at_end);
  // What else became of it is found out by reading: a socket with urgent data (RFC 9293, 3.8.5) has
  // nothing to splice, and is readable.
  if (!spliced || spliced->status != net::IoStatus::ok) return std::nullopt;
  codec_.skip_plain(spliced->bytes);
  return spliced;
}

void UpstreamConnection::read_answer(std::string_view input) {
  while (handler_ != nullptr) {
    const auto event = codec_.next(input);
    if (!event) return fail(event.error());
    if (event->kind == Event::Kind::need_input) break;
    if (event->kind == Event::Kind::end && !input.empty()) is_sound_ = false;
    if (!deliver(*event)) return;
  }
  if (handler_ != nullptr) handler_->on_answer_pause();
}

bool UpstreamConnection::deliver(const Event& event) {
  switch (event.kind) {
    case Event::Kind::interim:
      handler_->on_answer_interim(codec_.head().status);
      break;
    case Event::Kind::head:
      handler_->on_answer_head();
      break;
    case Event::Kind::data:
      handler_->on_answer_data(event.data);
      break;
    case Event::Kind::end:
      // The handler may give this connection to another exchange: nothing of this one follows.
      handler_->on_answer_end();
      return false;
    case Event::Kind::need_input:
      break;
  }
  return true;
}

void UpstreamConnection::fail(const Error& error) {
  is_sound_ = false;
  stream_->set_reading(false);
  if (handler_ != nullptr) handler_->on_upstream_failed(error);
}

void UpstreamConnection::on_drained() {
  if (handler_ != nullptr) handler_->on_upstream_drained();
}

// An answer sent before the upstream stopped reading is still on its way: reading goes on, and ends
// with an end or an error of its own.
void UpstreamConnection::on_failed(const Error&) {
  is_sound_ = false;
  if (handler_ != nullptr) handler_->on_upstream_drained();
}

}  // namespace vsaproxy::relay
