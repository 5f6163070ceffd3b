#include "tests/simulator/connection.h"

#include <event2/bufferevent_ssl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>

namespace vsaproxy::simulator {
namespace {

constexpr std::size_t max_head = 65536;
constexpr std::size_t high_water = 262144;
constexpr std::size_t low_water = 65536;
constexpr std::chrono::milliseconds linger_time{2000};

// Closing then sends RST instead of FIN.
void close_by_reset(bufferevent* stream) {
  const linger option{.l_onoff = 1, .l_linger = 0};
  setsockopt(bufferevent_getfd(stream), SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

}  // namespace

Connection::Connection(std::uint64_t id, bool from_loopback, BufferEventHandle stream,
                       Handler& handler, ConnectionOwner& owner)
    : id_(id),
      from_loopback_(from_loopback),
      stream_(std::move(stream)),
      handler_(handler),
      owner_(owner),
      timer_(event_new(bufferevent_get_base(stream_.get()), -1, 0, on_timer, this)) {
  const int on = 1;
  setsockopt(bufferevent_getfd(stream_.get()), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bufferevent_setcb(stream_.get(), on_readable, on_writable, on_event, this);
  bufferevent_setwatermark(stream_.get(), EV_READ, 0, high_water);
  bufferevent_setwatermark(stream_.get(), EV_WRITE, low_water, 0);
  bufferevent_set_max_single_read(stream_.get(), high_water);
  bufferevent_set_max_single_write(stream_.get(), high_water);
  bufferevent_enable(stream_.get(), EV_READ | EV_WRITE);
  start_idle_timer();
}

Connection::~Connection() { end_request(false); }

void Connection::on_readable(bufferevent*, void* self) noexcept {
  static_cast<Connection*>(self)->advance();
}

void Connection::on_writable(bufferevent*, void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  switch (connection.state_) {
    case State::sending:
      if (connection.answer_.pace.count() == 0) connection.pump();
      break;
    case State::flushing:
      if (connection.unsent() == 0) connection.linger();
      return;
    default:
      break;
  }
  connection.advance();
}

void Connection::on_event(bufferevent*, short what, void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if ((what & BEV_EVENT_CONNECTED) != 0) {
    const SSL* tls = bufferevent_openssl_get_ssl(connection.stream_.get());
    connection.handler_.on_tls(SSL_session_reused(tls) == 1);
  }
  if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) return;
  // A client that closed while a finished answer is on the way may only have closed its half; one
  // that closed during a wait or a long body has given up.
  const bool is_answered = connection.state_ == State::flushing ||
                           (connection.state_ == State::head && connection.unsent() > 0);
  if ((what & BEV_EVENT_EOF) == 0 || !is_answered) return connection.close();
  connection.state_ = State::flushing;
}

void Connection::on_timer(int, short, void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  switch (connection.state_) {
    case State::delaying:
      connection.send_head();
      break;
    case State::body_delaying:
      connection.send_body();
      break;
    case State::sending:
      connection.pump();
      break;
    case State::head:
    case State::lingering:
      connection.close();
      break;
    default:
      break;
  }
  connection.advance();
}

// Reads and answers as long as the input has something and the output has room.
void Connection::advance() {
  while (true) {
    switch (state_) {
      case State::head:
        if (unsent() > high_water || !read_head()) return;
        break;
      case State::body:
        if (!read_body()) return;
        break;
      case State::lingering:
        return discard_input();
      default:
        return;
    }
  }
}

// False: the head is not complete yet.
bool Connection::read_head() {
  evbuffer* input = bufferevent_get_input(stream_.get());
  if (evbuffer_get_length(input) == 0) return false;
  const evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, nullptr);
  if (end.pos < 0) {
    if (evbuffer_get_length(input) > max_head) refuse("the head is too long");
    return false;
  }
  const auto size = static_cast<std::size_t>(end.pos) + 4;
  const unsigned char* data = evbuffer_pullup(input, static_cast<ev_ssize_t>(size));
  if (!begin_request({reinterpret_cast<const char*>(data), size})) return false;
  evbuffer_drain(input, size);
  if (!request_->head.has_body()) {
    handler_.on_head(*request_);
    start_answer(handler_.on_request(*request_));
    return true;
  }
  if (auto early = handler_.on_head(*request_)) {
    early->ending = Answer::Ending::close;
    start_answer(std::move(*early));
    return true;
  }
  if (request_->head.expects_continue && handler_.sends_continue()) {
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  state_ = State::body;
  return true;
}

// False: the request was refused.
bool Connection::begin_request(std::string_view text) {
  event_del(timer_.get());
  auto head = parse_head(text);
  if (!head) {
    refuse(head.error());
    return false;
  }
  request_.emplace();
  request_->connection_id = id_;
  request_->number = ++requests_;
  request_->on_used_connection = was_used_;
  request_->from_loopback = from_loopback_;
  request_->is_tls = bufferevent_openssl_get_ssl(stream_.get()) != nullptr;
  request_->head = std::move(*head);
  body_reader_.emplace(request_->head);
  return true;
}

// False: the body is not complete yet.
bool Connection::read_body() {
  const auto done =
      body_reader_->read(bufferevent_get_input(stream_.get()), [this](std::string_view bytes) {
        request_->body_bytes += bytes.size();
        request_->body_hash.add(bytes);
        request_->body += bytes.substr(0, request_->body_limit - request_->body.size());
      });
  if (!done) {
    refuse(done.error());
    return true;
  }
  if (!*done) return false;
  request_->trailers = body_reader_->trailers();
  start_answer(handler_.on_request(*request_));
  return true;
}

void Connection::refuse(std::string_view reason) {
  handler_.on_bad_request(reason);
  end_request(false);
  Answer answer = json_answer(400, envelope({}, 400, "Error", reason));
  write(serialize_head(answer, RequestHead{}, false, handler_.clock()));
  write(answer.body);
  flush_then_close();
}

void Connection::start_answer(Answer answer) {
  answer_ = std::move(answer);
  body_sent_ = 0;
  state_ = State::delaying;
  if (answer_.delay.count() > 0) return start_timer(answer_.delay);
  send_head();
}

void Connection::send_head() {
  const auto ending = answer_.ending;
  if (ending == Answer::Ending::hang) return;
  if (ending == Answer::Ending::drop_fin || ending == Answer::Ending::drop_reset) {
    return drop(ending);
  }
  const RequestHead& head = request_->head;
  if (head.minor_version == 0 && answer_.framing == Answer::Framing::chunked) {
    answer_.framing = Answer::Framing::until_close;
  }
  keeps_alive_ = head.keeps_alive && ending == Answer::Ending::normal &&
                 answer_.framing != Answer::Framing::until_close;
  if (head.minor_version == 1) write(answer_.interim);
  write(serialize_head(answer_, head, keeps_alive_, handler_.clock()));
  state_ = State::body_delaying;
  if (answer_.body_delay.count() > 0 && has_body(answer_, head)) {
    return start_timer(answer_.body_delay);
  }
  send_body();
}

void Connection::send_body() {
  state_ = State::sending;
  if (!has_body(answer_, request_->head)) return finish_answer();
  const bool is_simple = !answer_.source && answer_.framing != Answer::Framing::chunked &&
                         answer_.ending <= Answer::Ending::close && answer_.pace.count() == 0;
  if (is_simple) {
    write(answer_.body);
    return finish_answer();
  }
  if (!answer_.source) answer_.source = std::make_unique<TextSource>(std::move(answer_.body));
  pump();
}

// Fills the output up to its high-water mark; the rest follows when it has drained.
void Connection::pump() {
  while (unsent() < high_water) {
    if (!send_piece()) return;
    if (answer_.pace.count() > 0) return start_timer(answer_.pace);
  }
}

// False: that was the end of the body.
bool Connection::send_piece() {
  const bool is_cut =
      answer_.ending == Answer::Ending::cut_fin || answer_.ending == Answer::Ending::cut_reset;
  std::size_t room = answer_.piece_bytes;
  if (is_cut) room = std::min<std::uint64_t>(room, answer_.cut_at - body_sent_);
  std::string piece(room, '\0');
  piece.resize(answer_.source->read(piece));
  body_sent_ += piece.size();
  if (piece.empty() && is_cut) {
    cut();
    return false;
  }
  const bool is_chunked = answer_.framing == Answer::Framing::chunked;
  if (piece.empty()) {
    if (is_chunked) {
      write("0\r\n");
      for (const Field& field : answer_.trailers) {
        write(fmt::format("{}: {}\r\n", field.name, field.value));
      }
      write("\r\n");
    }
    finish_answer();
    return false;
  }
  if (is_chunked) write(fmt::format("{:x}\r\n", piece.size()));
  write(piece);
  if (is_chunked) write("\r\n");
  return true;
}

void Connection::finish_answer() {
  end_request(true);
  if (!keeps_alive_) return flush_then_close();
  state_ = State::head;
  start_idle_timer();
}

void Connection::flush_then_close() {
  state_ = State::flushing;
  if (unsent() == 0) linger();
}

// Everything is sent. Closes our half and waits for the client to close its own: closing at once,
// with input unread, would send RST and could destroy the answer on its way (RFC 9112, 9.6).
void Connection::linger() {
  if (answer_.ending == Answer::Ending::cut_reset) {
    close_by_reset(stream_.get());
    return close();
  }
  if (SSL* tls = bufferevent_openssl_get_ssl(stream_.get())) SSL_shutdown(tls);
  shutdown(bufferevent_getfd(stream_.get()), SHUT_WR);
  state_ = State::lingering;
  discard_input();
  start_timer(linger_time);
}

// Ends the connection in the middle of a body; over TLS without close_notify.
void Connection::cut() {
  end_request(false);
  if (SSL* tls = bufferevent_openssl_get_ssl(stream_.get())) SSL_set_quiet_shutdown(tls, 1);
  flush_then_close();
}

void Connection::drop(Answer::Ending ending) {
  if (ending == Answer::Ending::drop_reset) close_by_reset(stream_.get());
  close();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  end_request(false);
  event_del(timer_.get());
  bufferevent_setcb(stream_.get(), nullptr, nullptr, nullptr, nullptr);
  bufferevent_disable(stream_.get(), EV_READ | EV_WRITE);
  owner_.destroy_later(id_);
}

void Connection::start_timer(std::chrono::milliseconds delay) {
  const timeval time{.tv_sec = delay.count() / 1000, .tv_usec = delay.count() % 1000 * 1000};
  event_add(timer_.get(), &time);
}

void Connection::start_idle_timer() {
  const auto timeout = handler_.idle_timeout();
  if (timeout.count() > 0) start_timer(timeout);
}

void Connection::discard_input() {
  evbuffer* input = bufferevent_get_input(stream_.get());
  evbuffer_drain(input, evbuffer_get_length(input));
}

void Connection::write(std::string_view bytes) {
  bufferevent_write(stream_.get(), bytes.data(), bytes.size());
}

void Connection::end_request(bool was_answered) {
  if (!request_) return;
  handler_.on_end(*request_, was_answered);
  if (!request_->is_control) was_used_ = true;
  request_.reset();
}

std::size_t Connection::unsent() const {
  return evbuffer_get_length(bufferevent_get_output(stream_.get()));
}

}  // namespace vsaproxy::simulator
