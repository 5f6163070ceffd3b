#include "proxy/net/socket_bio.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace vsaproxy::net {
namespace {

using BioMethodHandle = std::unique_ptr<BIO_METHOD, HandleDeleter<BIO_meth_free>>;

// In the place where a BIO has a pointer to what is its own.
int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool passes() { return errno == EAGAIN || errno == EINTR || errno == ENOBUFS; }

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && passes()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = recv(socket_of(bio), into, static_cast<std::size_t>(size), 0);
  if (n < 0 && passes()) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

// All that libssl asks of one that keeps nothing. Its failure to flush would be a handshake's.
long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

BioMethodHandle make_method() {
  BioMethodHandle method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"));
  if (!method) std::abort();  // no memory
  BIO_meth_set_write(method.get(), bio_write);
  BIO_meth_set_read(method.get(), bio_read);
  BIO_meth_set_ctrl(method.get(), bio_control);
  return method;
}

}  // namespace

BioHandle socket_bio(int socket) {
  static const BioMethodHandle method = make_method();
  BioHandle bio(BIO_new(method.get()));
  if (!bio) std::abort();  // no memory
  BIO_set_data(bio.get(), reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace vsaproxy::net
