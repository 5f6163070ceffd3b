#pragma once
// Owners of C handles: libevent, OpenSSL and file descriptors. Destroying the owner frees the
// handle.

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace vsaproxy::net {

template <auto free_function>
struct HandleDeleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    free_function(handle);
  }
};

using EventBaseHandle = std::unique_ptr<event_base, HandleDeleter<event_base_free>>;
using EventHandle = std::unique_ptr<event, HandleDeleter<event_free>>;
using HttpServerHandle = std::unique_ptr<evhttp, HandleDeleter<evhttp_free>>;
using SslHandle = std::unique_ptr<SSL, HandleDeleter<SSL_free>>;
using SslContextHandle = std::unique_ptr<SSL_CTX, HandleDeleter<SSL_CTX_free>>;
using SslSessionHandle = std::unique_ptr<SSL_SESSION, HandleDeleter<SSL_SESSION_free>>;
using X509Handle = std::unique_ptr<X509, HandleDeleter<X509_free>>;
using PrivateKeyHandle = std::unique_ptr<EVP_PKEY, HandleDeleter<EVP_PKEY_free>>;
using GeneralNamesHandle = std::unique_ptr<GENERAL_NAMES, HandleDeleter<GENERAL_NAMES_free>>;
using BioHandle = std::unique_ptr<BIO, HandleDeleter<BIO_free_all>>;

// A libevent event within the object that it calls back: no memory of its own.
class Event {
 public:
  Event() = default;
  ~Event() {
    if (event_initialized(&event_) != 0) event_del(&event_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void assign(event_base* base, evutil_socket_t fd, short what, event_callback_fn callback,
              void* owner) {
    event_assign(&event_, base, fd, what, callback, owner);
  }
  event* get() { return &event_; }
  const event* get() const { return &event_; }

 private:
  event event_{};
};

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What errno says when descriptors or the kernel's memory have run out, which passes.
inline bool lacks_resources(int code) {
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace vsaproxy::net
