#pragma once
// One accepted connection: reads requests (kept alive, pipelined), asks the handler and sends its
// answers with flow control. Owned by the Server; lives on its thread, the only one.

#include <event2/bufferevent.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/net/handles.h"
#include "tests/simulator/answer.h"
#include "tests/simulator/message.h"

namespace vsaproxy::simulator {

using BufferEventHandle = std::unique_ptr<bufferevent, net::HandleDeleter<bufferevent_free>>;

// Decides what is answered. Outlives every connection.
class Handler {
 public:
  virtual ~Handler() = default;
  // At the complete head of a request that has a body. An answer here is sent without waiting for
  // the body, and the connection is closed after it.
  virtual std::optional<Answer> on_head(Request& request) = 0;
  // At the end of the body; on_head was called before.
  virtual Answer on_request(Request& request) = 0;
  // The last word on a request that on_head saw; false if it was not wholly answered.
  virtual void on_end(const Request& request, bool was_answered) = 0;
  virtual void on_bad_request(std::string_view reason) = 0;
  virtual void on_tls(bool was_resumed) = 0;
  virtual bool sends_continue() const = 0;
  virtual std::chrono::milliseconds idle_timeout() const = 0;  // 0: none
  virtual std::int64_t clock() const = 0;                      // seconds since 1970
};

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // Destroys the connection, but not before the call has returned to the event loop.
  virtual void destroy_later(std::uint64_t connection_id) = 0;
};

class Connection {
 public:
  Connection(std::uint64_t id, bool from_loopback, BufferEventHandle stream, Handler& handler,
             ConnectionOwner& owner);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

 private:
  enum class State { head, body, delaying, body_delaying, sending, flushing, lingering, closed };

  static void on_readable(bufferevent* stream, void* self) noexcept;
  static void on_writable(bufferevent* stream, void* self) noexcept;
  static void on_event(bufferevent* stream, short what, void* self) noexcept;
  static void on_timer(int fd, short what, void* self) noexcept;

  void advance();
  bool read_head();
  bool begin_request(std::string_view text);
  bool read_body();
  void refuse(std::string_view reason);
  void start_answer(Answer answer);
  void send_head();
  void send_body();
  void pump();
  bool send_piece();
  void finish_answer();
  void flush_then_close();
  void linger();
  void cut();
  void drop(Answer::Ending ending);
  void close();
  void start_timer(std::chrono::milliseconds delay);
  void start_idle_timer();
  void discard_input();
  void write(std::string_view bytes);
  void end_request(bool was_answered);
  std::size_t unsent() const;

  const std::uint64_t id_;
  const bool from_loopback_;
  BufferEventHandle stream_;
  Handler& handler_;
  ConnectionOwner& owner_;
  net::EventHandle timer_;
  State state_ = State::head;
  std::uint64_t requests_ = 0;
  bool was_used_ = false;  // by a request that was no control request
  std::optional<Request> request_;
  std::optional<BodyReader> body_reader_;
  Answer answer_;
  bool keeps_alive_ = true;
  std::uint64_t body_sent_ = 0;
};

}  // namespace vsaproxy::simulator
