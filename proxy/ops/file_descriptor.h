#pragma once
// Owns one descriptor of a file and closes it. One owner, any thread.

#include <unistd.h>

#include <utility>

namespace vsaproxy::ops {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes over what open() returned; negative: none.
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { close(); }

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  void close() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor_ = -1;
};

}  // namespace vsaproxy::ops
