#pragma once
// Small files that survive a crash whole: replaced atomically, synced before the call returns, and
// locked between processes while they are read and changed. Blocks on the disk: manager thread and
// commands only.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/ops/file_descriptor.h"

namespace vsaproxy::ops {

// All errors are of kind system and name the path and the reason.

// The directory that the path is in.
std::string parent_of(const std::string& path);

// The directory and those above it, made with mode 0700 where missing.
base::Result<void> make_private_directory(const std::string& path);

// Empty optional: there is no such file. Also an error: over `limit` bytes, or no regular file.
base::Result<std::optional<std::string>> read_whole_file(const std::string& path,
                                                         std::size_t limit);

// The same for a file that must be ours and for our eyes only. Also an error: another user's (root
// reads all), or one that group or others may read or write.
base::Result<std::optional<std::string>> read_private_file(const std::string& path,
                                                           std::size_t limit);

// Mode 0600. Whoever reads meanwhile sees the old text or the new one. Writers hold a FileLock.
base::Result<void> replace_file(const std::string& path, std::string_view text);

// True if there was a file.
base::Result<bool> remove_file(const std::string& path);

// Excludes other processes, and other locks of this one, while it lives.
class FileLock {
 public:
  // Makes the file (0600) if needed. Error: another holder did not let go within `patience`.
  static base::Result<FileLock> acquire(const std::string& path,
                                        std::chrono::milliseconds patience);
  // Empty optional: another holder has it.
  static base::Result<std::optional<FileLock>> try_acquire(const std::string& path);

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

// Changes when the file is replaced or written; 0 if there is none.
std::uint64_t file_stamp(const std::string& path);

}  // namespace vsaproxy::ops
