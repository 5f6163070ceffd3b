#pragma once
// While it lives, this process can start no thread: as at the limit of the user or the service.

#include <pthread.h>

#include <cstddef>

namespace vsaproxy {

class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&former_);
    pthread_attr_t attributes = former_;
    pthread_attr_setstacksize(&attributes, more_than_there_is);
    pthread_setattr_default_np(&attributes);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&former_);
    pthread_attr_destroy(&former_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  // Of memory for a stack: the whole of a process's address space has less.
  static constexpr std::size_t more_than_there_is = std::size_t{1} << 47;
  pthread_attr_t former_{};
};

}  // namespace vsaproxy
