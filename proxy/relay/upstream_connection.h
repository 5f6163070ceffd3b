#pragma once
// One connection to an upstream: a stream and a codec. Owned by the pool while idle and by an
// exchange while it carries one; one thread.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/http/h1_codec.h"
#include "proxy/net/stream.h"

namespace vsaproxy::relay {

// Who gets the answer. Calls come from the loop, never from inside a call to the connection.
class AnswerHandler {
 public:
  virtual ~AnswerHandler() = default;
  virtual void on_answer_interim(int status) = 0;
  virtual void on_answer_head() = 0;
  virtual void on_answer_data(std::string_view data) = 0;
  virtual void on_answer_end() = 0;
  // Up to `most` bytes of the body's content can be had from the stream, and then go unseen. What
  // came of trying to read them; nothing if they are to be given to on_answer_data().
  virtual std::optional<net::ReadResult> on_answer_spliceable(net::Stream& from,
                                                              std::size_t most) = 0;
  // What was read is used up: `data` of the calls before is about to go.
  virtual void on_answer_pause() = 0;
  // No more will come. Errors: upstream_closed, upstream_protocol.
  virtual void on_upstream_failed(const base::Error& error) = 0;
  virtual void on_upstream_drained() = 0;
};

class IdleHandler {
 public:
  virtual ~IdleHandler() = default;
  virtual void on_idle_closed(class UpstreamConnection& connection) = 0;
};

class UpstreamConnection final : private net::StreamHandler {
 public:
  // `scratch` is the worker's read buffer; it outlives the connection.
  UpstreamConnection(std::unique_ptr<net::Stream> stream, const http::HeadLimits& limits,
                     std::span<char> scratch);
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  // Begins a request. The connection must be idle.
  void begin(AnswerHandler& handler, std::string_view method);
  // Nobody is told anything any more.
  void detach() { handler_ = nullptr; }
  // Back to the pool.
  void become_idle(IdleHandler& idle, base::Time now);

  http::ClientCodec& codec() { return codec_; }
  // What a broken upstream does not take is dropped: its answer may have come before.
  void write(std::span<const std::string_view> parts);
  std::size_t unsent() const { return stream_->unsent(); }
  void set_reading(bool on) { stream_->set_reading(on); }

  // The exchange is complete in order and the connection fit for the next.
  bool is_reusable() const { return is_sound_ && codec_.can_reuse(); }
  // It carried an exchange before this one.
  bool is_reused() const { return exchanges_ > 1; }
  base::Time idle_since() const { return idle_since_; }

 private:
  void on_readable() override;
  void on_drained() override;
  void on_failed(const base::Error& error) override;
  std::optional<net::ReadResult> splice_answer();
  void read_answer(std::string_view input);
  // False when the handler is gone or done.
  bool deliver(const http::Event& event);
  void fail(const base::Error& error);

  std::unique_ptr<net::Stream> stream_;
  http::H1ClientCodec codec_;
  std::span<char> scratch_;
  AnswerHandler* handler_ = nullptr;
  IdleHandler* idle_ = nullptr;
  base::Time idle_since_{};
  std::uint64_t exchanges_ = 0;
  bool is_sound_ = true;
};

}  // namespace vsaproxy::relay
