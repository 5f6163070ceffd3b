#include "proxy/ops/secret_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "proxy/ops/durable_file.h"
#include "proxy/ops/file_descriptor.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/ops/secret_command.h"

namespace vsaproxy::ops {
namespace {

using base::Result;
using base::SecretRef;

constexpr std::size_t most_secret_bytes = 64 * 1024;

enum class Audience { owner, everybody };

tl::unexpected<base::Error> unusable(const SecretRef& ref, std::string_view reason) {
  return base::fail(base::ErrorKind::configuration, fmt::format("{} {}", describe(ref), reason));
}

// Empty if the reference names no file. A systemd credential's name never leaves its directory.
Result<std::string> path_of(const SecretRef& ref, std::string_view settings_file) {
  if (ref.kind == SecretRef::Kind::systemd) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || *directory == '\0') {
      return unusable(ref,
                      "cannot be read: the program was not started by systemd with LoadCredential= "
                      "or SetCredential= (CREDENTIALS_DIRECTORY is not set)");
    }
    const bool outside = ref.name.find('/') != std::string::npos || ref.name.starts_with('.');
    if (ref.name.empty() || outside) return unusable(ref, "is no name of a credential");
    return fmt::format("{}/{}", directory, ref.name);
  }
  const std::size_t slash = settings_file.rfind('/');
  if (ref.name.starts_with('/') || slash == std::string_view::npos) return ref.name;
  return fmt::format("{}{}", settings_file.substr(0, slash + 1), ref.name);
}

tl::unexpected<base::Error> missing(const SecretRef& ref, const std::string& path, int reason) {
  if (reason == ENOENT) {
    return unusable(ref, fmt::format("does not exist (looked for {})", path));
  }
  return unusable(
      ref, fmt::format("cannot be read: {} ({})", std::generic_category().message(reason), path));
}

Result<void> check_kind(const SecretRef& ref, const std::string& path, int file,
                        Audience audience) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return missing(ref, path, errno);
  if (!S_ISREG(status.st_mode)) return unusable(ref, "is not a regular file");
  const bool open_to_all = ref.kind == SecretRef::Kind::file && (status.st_mode & S_IROTH) != 0;
  if (open_to_all && audience == Audience::owner) {
    return unusable(ref,
                    fmt::format("can be read by every user of this machine: chmod o-r {}", path));
  }
  return {};
}

// On failure the caller wipes what was read so far.
Result<void> read_text(const SecretRef& ref, const std::string& path, int file, std::size_t limit,
                       std::string& text) {
  text.resize(limit + 1);  // at once: growth would leave copies behind
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return missing(ref, path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > limit) return unusable(ref, fmt::format("is longer than {} KiB", limit / 1024));
  text.resize(size);
  return {};
}

Result<void> read_file(const SecretRef& ref, std::string_view settings_file, Audience audience,
                       std::size_t limit, std::string& text) {
  const auto path = path_of(ref, settings_file);
  if (!path) return tl::unexpected(path.error());
  // O_NONBLOCK: a pipe in the file's place must not stop us.
  const FileDescriptor file(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.is_open()) return missing(ref, *path, errno);
  if (auto fine = check_kind(ref, *path, file.get(), audience); !fine) return fine;
  return read_text(ref, *path, file.get(), limit, text);
}

Result<void> take_printed(const SecretRef& ref, const PrintedTexts& printed, std::size_t limit,
                          std::string& text) {
  const base::Secret* known = printed.find(ref);
  if (known == nullptr) return unusable(ref, "has not been run");
  if (known->reveal().size() > limit) {
    return unusable(ref, fmt::format("prints more than {} KiB", limit / 1024));
  }
  text = known->reveal();
  return {};
}

// Of anything but a command.
Result<void> read_text_of(const SecretRef& ref, std::string_view settings_file, Audience audience,
                          std::size_t limit, std::string& text) {
  if (ref.kind != SecretRef::Kind::env) {
    return read_file(ref, settings_file, audience, limit, text);
  }
  const char* value = std::getenv(ref.name.c_str());
  if (value == nullptr) return unusable(ref, "is not set");
  text = value;
  if (text.size() > limit) return unusable(ref, fmt::format("is longer than {} KiB", limit / 1024));
  return {};
}

// `read` is how the text came to be.
Result<base::Secret> as_secret(const SecretRef& ref, const Result<void>& read, std::string& text) {
  if (!read) {
    base::wipe(text);
    return tl::unexpected(read.error());
  }
  if (text.ends_with('\n')) text.resize(text.size() - (text.ends_with("\r\n") ? 2 : 1));
  if (text.empty()) {
    base::wipe(text);
    return unusable(ref, ref.kind == SecretRef::Kind::command ? "prints nothing" : "is empty");
  }
  return base::Secret::take(std::move(text));
}

}  // namespace

Result<base::Secret> read_secret(const SecretRef& ref, std::string_view settings_file, int stop) {
  std::string text;
  const auto read =
      ref.kind == SecretRef::Kind::command
          ? run_secret_command(ref, most_secret_bytes, text, stop)
          : read_text_of(ref, settings_file, Audience::owner, most_secret_bytes, text);
  return as_secret(ref, read, text);
}

Result<base::Secret> read_secret(const SecretRef& ref, std::string_view settings_file,
                                 const PrintedTexts& printed) {
  if (ref.kind != SecretRef::Kind::command) return read_secret(ref, settings_file);
  std::string text;
  const auto taken = take_printed(ref, printed, most_secret_bytes, text);
  return as_secret(ref, taken, text);
}

Result<std::string> read_public(const SecretRef& ref, std::string_view settings_file,
                                const PrintedTexts& printed) {
  std::string text;
  auto read = ref.kind == SecretRef::Kind::command
                  ? take_printed(ref, printed, most_public_bytes, text)
                  : read_text_of(ref, settings_file, Audience::everybody, most_public_bytes, text);
  if (!read) return tl::unexpected(read.error());
  if (text.empty()) return unusable(ref, "is empty");
  text.shrink_to_fit();
  return text;
}

base::Result<std::string> read_optional_public(const std::optional<base::SecretRef>& ref,
                                               std::string_view settings_file,
                                               const PrintedTexts& printed) {
  return ref ? read_public(*ref, settings_file, printed) : base::Result<std::string>();
}

std::uint64_t secret_stamp(const SecretRef& ref, std::string_view settings_file) {
  if (ref.kind == SecretRef::Kind::env || ref.kind == SecretRef::Kind::command) return 1;
  const auto path = path_of(ref, settings_file);
  return path ? file_stamp(*path) : 0;
}

std::string describe(const SecretRef& ref) {
  switch (ref.kind) {
    case SecretRef::Kind::file:
      return fmt::format("file {}", ref.name);
    case SecretRef::Kind::env:
      return fmt::format("environment variable {}", ref.name);
    case SecretRef::Kind::systemd:
      return fmt::format("systemd credential {}", ref.name);
    case SecretRef::Kind::command:
      return fmt::format("command {}", ref.name);
  }
  return ref.name;
}

}  // namespace vsaproxy::ops
