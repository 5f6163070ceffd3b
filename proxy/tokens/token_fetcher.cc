#include "proxy/tokens/token_fetcher.h"

#include <openssl/crypto.h>

#include <array>
#include <utility>

#include "proxy/http/h1_codec.h"

namespace vsaproxy::tokens {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

// Everything that a login server can do wrong on the wire is one of these two to the policy.
Error as_login_error(Error error) {
  if (error.kind != ErrorKind::malformed) error.kind = ErrorKind::login_unavailable;
  return error;
}

class FetchExchange final : public LoginTransport::Exchange, private net::StreamHandler {
 public:
  FetchExchange(net::EventLoop& loop, net::Dialer& dialer, const net::DialTarget& target,
                std::string request, std::string_view method, base::Duration timeout,
                LoginTransport::Callback callback)
      : loop_(loop),
        codec_(http::HeadLimits{}),
        request_(base::Secret::take(std::move(request))),
        callback_(std::move(callback)),
        timer_(loop.make_timer([this] {
          finish(
              base::fail(ErrorKind::login_unavailable, "the login server did not answer in time"));
        })) {
    codec_.start(method);
    timer_->start(timeout);
    dial_ = dialer.dial(target, [this](Result<std::unique_ptr<net::Stream>> stream) {
      loop_.destroy_later(std::move(dial_));
      if (!callback_) return;  // timed out within this turn: nothing may leave any more
      if (!stream) return finish(base::fail(as_login_error(std::move(stream.error()))));
      stream_ = std::move(*stream);
      stream_->set_handler(this);
      const std::string_view bytes = request_.reveal();
      stream_->write({&bytes, 1});
    });
  }
  ~FetchExchange() override { loop_.destroy_later(std::move(stream_)); }
  bool was_sent() const override { return stream_ != nullptr; }

 private:
  void on_readable() override {
    std::array<char, 16 * 1024> buffer;
    const net::ReadResult result = stream_->read(buffer);
    switch (result.status) {
      case net::IoStatus::would_block:
        return;
      case net::IoStatus::ok:
        read_answer({buffer.data(), result.bytes});
        break;
      case net::IoStatus::end:
        take(codec_.end_of_input());
        break;
      case net::IoStatus::failed:
        finish(base::fail(as_login_error(stream_->failure().value_or(
            Error{ErrorKind::login_unavailable, "the login server broke the connection"}))));
    }
    OPENSSL_cleanse(buffer.data(), result.bytes);
  }
  void on_drained() override {}
  void on_failed(const Error& error) override {
    // What it said before it stopped taking the request is still to be read, and then its end.
    if (error.kind == ErrorKind::upstream_closed) return;
    finish(base::fail(as_login_error(error)));
  }

  void read_answer(std::string_view input) {
    while (callback_) {
      auto event = codec_.next(input);
      const bool is_over = event && event->kind == http::Event::Kind::need_input;
      take(std::move(event));
      if (is_over) return;
    }
  }

  void take(Result<http::Event> event) {
    if (!event) {
      const bool is_malformed = event.error().kind == ErrorKind::upstream_protocol;
      return finish(base::fail(is_malformed ? ErrorKind::malformed : ErrorKind::login_unavailable,
                               "the login server's answer: " + event.error().detail));
    }
    switch (event->kind) {
      case http::Event::Kind::need_input:
      case http::Event::Kind::interim:
        return;
      case http::Event::Kind::head:
        answer_.status = codec_.head().status;
        answer_.fields = codec_.head().fields.clone();
        return;
      case http::Event::Kind::data:
        if (answer_.body.size() + event->data.size() > TokenFetcher::max_body) {
          return finish(base::fail(ErrorKind::malformed, "the login server's answer is too large"));
        }
        answer_.body.append(event->data);
        return;
      case http::Event::Kind::end:
        answer_.received_at = std::chrono::system_clock::now();
        finish(std::move(answer_));
    }
  }

  void finish(Result<LoginAnswer> outcome) {
    if (!callback_) return;
    timer_->stop();
    loop_.destroy_later(std::move(dial_));
    if (stream_) stream_->set_reading(false);
    std::exchange(callback_, nullptr)(std::move(outcome));
  }

  net::EventLoop& loop_;
  http::H1ClientCodec codec_;
  base::Secret request_;
  LoginTransport::Callback callback_;
  LoginAnswer answer_;
  std::unique_ptr<net::Timer> timer_;
  std::unique_ptr<net::Dial> dial_;
  std::unique_ptr<net::Stream> stream_;
};

std::string request_bytes(const auth::LoginRequest& request, const std::string& authority) {
  http::RequestHead head;
  head.method = request.method;
  head.target = request.target;
  head.fields.add("Host", authority);
  head.fields.add("User-Agent", "vsaproxy/" VSAPROXY_VERSION);
  for (const auto& field : request.fields) head.fields.set(field.name, field.value.reveal());
  const std::string_view body = request.body.reveal();
  if (!body.empty() || request.method == "POST") {
    if (!request.content_type.empty()) head.fields.set("Content-Type", request.content_type);
    head.body = {http::Framing::length, body.size()};
  }
  constexpr std::size_t room_for_the_rest = 1024;
  std::size_t length = request.target.size() + body.size() + room_for_the_rest;
  for (const http::Field& field : head.fields.all()) {
    length += field.name.size() + field.value.size() + 4;
  }
  std::string bytes;
  bytes.reserve(length);  // growing would leave copies of secrets behind
  http::append_request_head(bytes, head, http::ConnectionOption::close);
  bytes.append(body);
  return bytes;
}

}  // namespace

LoginAnswer::~LoginAnswer() { base::wipe(body); }

TokenFetcher::TokenFetcher(net::EventLoop& loop, net::Dialer& dialer, net::DialTarget target,
                           std::unique_ptr<net::ClientTls> tls, std::string authority)
    : loop_(loop),
      dialer_(dialer),
      tls_(std::move(tls)),
      target_(std::move(target)),
      authority_(std::move(authority)) {
  target_.tls = tls_.get();
}

std::unique_ptr<LoginTransport::Exchange> TokenFetcher::send(const auth::LoginRequest& request,
                                                             base::Duration timeout,
                                                             Callback callback) {
  return std::make_unique<FetchExchange>(loop_, dialer_, target_,
                                         request_bytes(request, authority_), request.method,
                                         timeout, std::move(callback));
}

base::Result<std::unique_ptr<LoginTransport>> make_login_transport(
    net::EventLoop& loop, net::Dialer& dialer, const settings::Settings& settings,
    const settings::Upstream& upstream, const ops::PrintedTexts& printed) {
  const auto files = ops::read_upstream_files(upstream.tls, settings.file, printed);
  if (!files) return base::fail(files.error());
  return make_login_transport(loop, dialer, upstream, *files);
}

base::Result<std::unique_ptr<LoginTransport>> make_login_transport(
    net::EventLoop& loop, net::Dialer& dialer, const settings::Upstream& upstream,
    const ops::UpstreamFiles& files) {
  net::DialTarget target;
  target.host = upstream.connect ? upstream.connect->host : upstream.origin.host;
  target.port = upstream.connect ? upstream.connect->port.value_or(upstream.origin.port)
                                 : upstream.origin.port;
  target.connect_timeout = upstream.timeouts.connect;
  target.tls_timeout = upstream.timeouts.tls;
  std::unique_ptr<net::ClientTls> tls;
  if (upstream.origin.scheme == "https") {
    auto made = net::ClientTls::make(upstream.origin, upstream.tls, files);
    if (!made) return base::fail(std::move(made.error()));
    tls = std::move(*made);
  }
  return std::make_unique<TokenFetcher>(loop, dialer, std::move(target), std::move(tls),
                                        upstream.origin.authority());
}

}  // namespace vsaproxy::tokens
