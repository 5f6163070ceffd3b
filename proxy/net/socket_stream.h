#pragma once
// Stream over a connected, non-blocking socket, plain or with TLS. Sockets and SSL are driven
// directly: watched while reading is on, a write event only while bytes are unsent.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/net/event_loop.h"
#include "proxy/net/handles.h"
#include "proxy/net/outbox.h"
#include "proxy/net/read_turns.h"
#include "proxy/net/stream.h"

namespace vsaproxy::net {

// Of a socket for which the kernel had no room in an epoll set: overloaded.
base::Error unwatched_socket();

class SocketStream : public Stream, protected ReadTurns::Reader {
 public:
  SocketStream(LibeventLoop& loop, FileDescriptor socket, Urgency urgency);
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  void set_handler(StreamHandler* handler) override { handler_ = handler; }
  ReadResult read(std::span<char> into) override;
  bool write(std::span<const std::string_view> parts) override;
  void push() override;
  void announce_end() override { ends_soon_ = true; }
  std::size_t unsent() const override { return kept() + (owes_end_ ? 1 : 0); }
  std::size_t undelivered() const override;
  void set_reading(bool on) override;
  void finish_writing() override;
  void reset_on_close() override;
  int plain_socket() const override { return is_watched() ? socket_.get() : -1; }
  std::optional<base::Error> failure() const override;
  // What write() put off. Outbox calls it, at a turn's end or while another stream writes: so it
  // calls no handler, and a failure is told in a later turn.
  void send_held(std::string_view bytes);

 protected:
  // Sends what it can of the parts now. Sets broken_ on failure. Returns the bytes taken.
  virtual std::size_t send_now(std::span<const std::string_view> parts);
  // False if the peer does not take what belongs to the end: to be called again, on a write event.
  virtual bool end_sending();
  void on_read_event() override;
  virtual void on_write_event();
  int send_flags() const;
  std::size_t note_sent(ssize_t n);
  void want_write_event();
  void flush();
  void lose_unsent(const base::Error& error);
  void keep(std::span<const std::string_view> parts, std::size_t taken);
  std::size_t kept() const { return unsent_.size() - sent_; }
  bool try_to_end();

  LibeventLoop& loop_;
  FileDescriptor socket_;
  std::unique_ptr<Event> write_event_;  // made when first needed
  StreamHandler* handler_ = nullptr;
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_
  bool reading_ = true;
  bool broken_ = false;
  bool is_unwatched_for_writing_ = false;
  bool has_lost_held_ = false;
  bool ends_soon_ = false;  // finish_writing() comes behind the next write
  bool finishing_ = false;
  bool owes_end_ = false;  // finishing, and end_sending() has to be called again
  Outbox::Place place_;
};

class TlsStream final : public SocketStream {
 public:
  // The SSL object is ready to connect or accept. `on_established` is called from the loop when the
  // handshake is done, before any on_readable(); may be empty.
  TlsStream(LibeventLoop& loop, FileDescriptor socket, Urgency urgency, SslHandle ssl,
            std::function<void()> on_established);
  ~TlsStream() override;

  ReadResult read(std::span<char> into) override;
  void set_reading(bool on) override;
  void reset_on_close() override;
  int plain_socket() const override { return -1; }
  std::vector<std::string> peer_dns_names() const override;
  std::optional<base::Error> failure() const override;
  // True if the session came from an earlier connection.
  bool is_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

 private:
  std::size_t send_now(std::span<const std::string_view> parts) override;
  std::size_t send_record(std::string_view bytes);
  bool end_sending() override;
  void on_read_event() override;
  void on_write_event() override;
  void handshake();
  void fail_handshake(const base::Error& error);
  base::Error handshake_error(int code) const;
  base::Error handshake_failure(std::string reason) const;
  void note_late_refusal();

  SslHandle ssl_;
  std::function<void()> on_established_;
  bool established_ = false;
  bool read_wants_write_ = false;
  bool is_cut_ = false;
  bool has_read_ = false;
  std::optional<base::Error> failure_;
};

}  // namespace vsaproxy::net
