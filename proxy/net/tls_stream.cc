#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "proxy/net/socket_bio.h"
#include "proxy/net/socket_stream.h"
#include "proxy/net/tls_context.h"

namespace vsaproxy::net {
namespace {

// One TLS record; small parts (a head, a chunk line, a body) are gathered into one.
constexpr std::size_t record_size = 16 * 1024;

// What OpenSSL says, and what it means to who configures an upstream.
std::string reason_text(unsigned long error) {
  const char* text = ERR_reason_error_string(error);
  std::string reason = text == nullptr ? "unknown error" : text;
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return reason;
  switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return reason + ", the server has no TLS version from tls.min_version on";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "the peer closed the connection";
    case SSL_R_WRONG_VERSION_NUMBER:
      return reason + ", does the server speak TLS on this port?";
    default:
      return reason;
  }
}

// The thread's queue of errors must be empty before a call whose error is asked for, and nearly
// always is: looking costs a tenth of clearing.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

// Sent by the peer (RFC 8446, 6.2).
bool is_alert(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
}

}  // namespace

TlsStream::TlsStream(LibeventLoop& loop, FileDescriptor socket, Urgency urgency, SslHandle ssl,
                     std::function<void()> on_established)
    : SocketStream(loop, std::move(socket), urgency),
      ssl_(std::move(ssl)),
      on_established_(std::move(on_established)) {
  BIO* bio = socket_bio(socket_.get()).release();
  SSL_set_bio(ssl_.get(), bio, bio);
  // A client speaks first; a server waits for the read event.
  if (SSL_is_server(ssl_.get()) == 0) want_write_event();
}

TlsStream::~TlsStream() {
  SocketStream::push();
  // The peer's side of the closure is not waited for (RFC 8446, 6.1).
  clear_errors();
  if (established_ && !broken_ && !is_cut_) SSL_shutdown(ssl_.get());
}

void TlsStream::handshake() {
  clear_errors();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    if (on_established_) std::exchange(on_established_, nullptr)();
    if (unsent() > 0) want_write_event();
    return;
  }
  const int code = SSL_get_error(ssl_.get(), result);
  if (code == SSL_ERROR_WANT_READ) return;
  if (code == SSL_ERROR_WANT_WRITE) {
    want_write_event();
    return;
  }
  fail_handshake(handshake_error(code));
}

void TlsStream::fail_handshake(const base::Error& error) {
  broken_ = true;
  SocketStream::set_reading(false);
  if (handler_ != nullptr) handler_->on_failed(error);
}

base::Error TlsStream::handshake_error(int code) const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  std::string reason;
  if (verdict != X509_V_OK) {
    const std::string* refusal = ClientTls::refusal_of(ssl_.get());
    reason = refusal != nullptr ? *refusal : X509_verify_cert_error_string(verdict);
  } else if (const auto error = ERR_peek_error(); error != 0) {
    reason = reason_text(error);
  } else {
    reason = code == SSL_ERROR_SYSCALL || code == SSL_ERROR_ZERO_RETURN
                 ? "the peer closed the connection"
                 : "unknown error";
  }
  clear_errors();
  return handshake_failure(std::move(reason));
}

base::Error TlsStream::handshake_failure(std::string reason) const {
  if (ClientTls::lacks_certificate(ssl_.get())) {
    reason += ", the server asked for a client certificate: see tls.client_certificate";
  }
  return {base::ErrorKind::upstream_tls, "TLS handshake failed: " + reason};
}

// With TLS 1.3 a server judges our certificate after we are done: its alert comes in place of an
// answer, and nothing of what was sent has been read (RFC 8446, 4.4.2.4).
void TlsStream::note_late_refusal() {
  const auto error = ERR_peek_error();
  if (has_read_ || SSL_is_server(ssl_.get()) == 1 || !is_alert(error)) return;
  failure_ = handshake_failure(reason_text(error));
}

std::optional<base::Error> TlsStream::failure() const {
  return failure_ ? failure_ : SocketStream::failure();
}

ReadResult TlsStream::read(std::span<char> into) {
  if (!is_watched()) return {IoStatus::failed, 0};
  if (!established_) return {broken_ ? IoStatus::failed : IoStatus::would_block, 0};
  clear_errors();
  std::size_t n = 0;
  if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &n) == 1) {
    has_read_ = true;
    // What OpenSSL holds already makes no socket readable: ask for another turn.
    if (reading_ && SSL_has_pending(ssl_.get()) == 1) call_later();
    return {IoStatus::ok, n};
  }
  const int code = SSL_get_error(ssl_.get(), 0);
  if (code == SSL_ERROR_SSL) note_late_refusal();
  clear_errors();
  switch (code) {
    case SSL_ERROR_WANT_READ:
      return {IoStatus::would_block, 0};
    case SSL_ERROR_WANT_WRITE:
      read_wants_write_ = true;
      want_write_event();
      return {broken_ ? IoStatus::failed : IoStatus::would_block, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::end, 0};
    default:
      // An end without close_notify may be an attacker's cut (RFC 9112, 9.8): not a plain end.
      broken_ = true;
      return {IoStatus::failed, 0};
  }
}

std::size_t TlsStream::send_now(std::span<const std::string_view> parts) {
  if (!established_) return 0;
  std::array<char, record_size> record;
  std::size_t taken = 0;
  std::size_t gathered = 0;
  for (std::string_view part : parts) {
    if (part.empty()) continue;  // its pointer may be null
    // Alone, as from the outbox: nothing to gather.
    if (parts.size() == 1 && part.size() <= record_size) return send_record(part);
    if (gathered + part.size() <= record_size) {
      std::memcpy(record.data() + gathered, part.data(), part.size());
      gathered += part.size();
      continue;
    }
    const std::size_t sent = send_record({record.data(), gathered});
    taken += sent;
    if (sent < gathered) return taken;
    gathered = 0;
    while (part.size() > record_size) {
      const std::size_t some = send_record(part.substr(0, record_size));
      taken += some;
      if (some < record_size) return taken;
      part.remove_prefix(record_size);
    }
    std::memcpy(record.data(), part.data(), part.size());
    gathered = part.size();
  }
  return taken + send_record({record.data(), gathered});
}

std::size_t TlsStream::send_record(std::string_view bytes) {
  if (bytes.empty()) return 0;
  clear_errors();
  std::size_t n = 0;
  if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n) == 1) return n;
  const int code = SSL_get_error(ssl_.get(), 0);
  clear_errors();
  if (code != SSL_ERROR_WANT_WRITE && code != SSL_ERROR_WANT_READ) broken_ = true;
  return 0;
}

// Without its close_notify the end would look like a cut (RFC 8446, 6.1).
bool TlsStream::end_sending() {
  if (broken_) return true;
  clear_errors();
  const int result = SSL_shutdown(ssl_.get());
  if (result < 0 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) return false;
  clear_errors();
  shutdown(socket_.get(), SHUT_WR);
  return true;
}

void TlsStream::on_read_event() {
  if (!established_) {
    if (const auto error = SocketStream::failure()) return fail_handshake(*error);
    handshake();
    if (!established_ || SSL_has_pending(ssl_.get()) == 0) return;
  }
  SocketStream::on_read_event();
}

void TlsStream::on_write_event() {
  if (!established_) {
    handshake();
    // What was read ahead makes no socket readable.
    if (established_) set_reading(reading_);
    return;
  }
  if (std::exchange(read_wants_write_, false)) SocketStream::on_read_event();
  if (unsent() > 0) SocketStream::on_write_event();
}

// Without close_notify, so that the peer sees a cut on both layers.
void TlsStream::reset_on_close() {
  is_cut_ = true;
  SocketStream::reset_on_close();
}

std::vector<std::string> TlsStream::peer_dns_names() const {
  std::vector<std::string> names;
  const X509Handle certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return names;
  const GeneralNamesHandle found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type != GEN_DNS) continue;
    const ASN1_IA5STRING* text = name->d.dNSName;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return names;
}

void TlsStream::set_reading(bool on) {
  SocketStream::set_reading(on);
  if (on && established_ && SSL_has_pending(ssl_.get()) == 1) {
    call_later();
  }
}

}  // namespace vsaproxy::net
