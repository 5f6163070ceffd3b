#include "proxy/ops/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <thread>

namespace vsaproxy::ops {
namespace {

using base::Result;

tl::unexpected<base::Error> refused(std::string_view action, const std::string& path) {
  return base::fail(base::ErrorKind::system, fmt::format("cannot {} {}: {}", action, path,
                                                         std::generic_category().message(errno)));
}

Result<void> sync_directory(const std::string& path) {
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) return refused("sync", path);
  return {};
}

bool write_whole(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> make_one_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return sync_directory(parent_of(path));
  const int reason = errno;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  errno = reason;
  return refused("make the directory", path);
}

enum class Readers { anybody, owner };

Result<void> check_kind(const std::string& path, int file, Readers readers) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return refused("read", path);
  const auto fail = [&path](std::string_view fault) {
    return base::fail(base::ErrorKind::system, fmt::format("{} {}", path, fault));
  };
  if (!S_ISREG(status.st_mode)) return fail("is not a regular file");
  if (readers == Readers::anybody) return {};
  const uid_t user = ::geteuid();
  if (user != 0 && status.st_uid != user) return fail("belongs to another user: remove it");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail("is open to other users: chmod 600, or remove it");
  }
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& path, std::size_t limit,
                                             Readers readers) {
  // O_NONBLOCK: a pipe in the file's place must not stop us.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    return refused("open", path);
  }
  if (auto fine = check_kind(path, file.get(), readers); !fine) return tl::unexpected(fine.error());
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refused("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > limit) {
    return base::fail(base::ErrorKind::system,
                      fmt::format("{} is longer than {} bytes", path, limit));
  }
  text.resize(size);
  return text;
}

Result<FileDescriptor> open_lock(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return refused("open", path);
  return file;
}

// False: another holder has it. flock() has no time limit of its own.
Result<bool> try_lock(int file, const std::string& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  return refused("lock", path);
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> make_private_directory(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (auto made = make_one_directory(part); !made) return made;
    if (end == std::string::npos) return {};
  }
}

Result<std::optional<std::string>> read_whole_file(const std::string& path, std::size_t limit) {
  return read_file(path, limit, Readers::anybody);
}

Result<std::optional<std::string>> read_private_file(const std::string& path, std::size_t limit) {
  return read_file(path, limit, Readers::owner);
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // what a crash left
  const FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return refused("create", temporary);
  const bool stored = write_whole(file.get(), text) && ::fsync(file.get()) == 0 &&
                      ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!stored) {
    auto error = refused("write", path);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_directory(parent_of(path));
}

Result<bool> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return false;
    return refused("remove", path);
  }
  return sync_directory(parent_of(path)).map([] { return true; });
}

Result<FileLock> FileLock::acquire(const std::string& path, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds pause(10);
  auto file = open_lock(path);
  if (!file) return tl::unexpected(file.error());
  const auto deadline = std::chrono::steady_clock::now() + patience;
  // A stopped process must not stop us too.
  while (true) {
    const auto locked = try_lock(file->get(), path);
    if (!locked) return tl::unexpected(locked.error());
    if (*locked) return FileLock(std::move(*file));
    if (std::chrono::steady_clock::now() >= deadline) {
      errno = EWOULDBLOCK;
      return refused("lock", path);
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<std::optional<FileLock>> FileLock::try_acquire(const std::string& path) {
  auto file = open_lock(path);
  if (!file) return tl::unexpected(file.error());
  const auto locked = try_lock(file->get(), path);
  if (!locked) return tl::unexpected(locked.error());
  if (!*locked) return std::nullopt;
  return FileLock(std::move(*file));
}

std::uint64_t file_stamp(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  // The time of change covers writing, replacing and chmod; inode and size cover coarse clocks.
  std::uint64_t stamp = 1469598103934665603ULL;
  for (const auto part :
       {static_cast<std::uint64_t>(status.st_ino), static_cast<std::uint64_t>(status.st_size),
        static_cast<std::uint64_t>(status.st_ctim.tv_sec),
        static_cast<std::uint64_t>(status.st_ctim.tv_nsec)}) {
    stamp = (stamp ^ part) * 1099511628211ULL;
  }
  return stamp == 0 ? 1 : stamp;
}

}  // namespace vsaproxy::ops
