#include "proxy/cli/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "proxy/ops/durable_file.h"
#include "proxy/ops/file_descriptor.h"

namespace vsaproxy::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// Of later kernels than the headers of Debian 12 are for.
constexpr std::uint64_t may_truncate = 1ULL << 14;
constexpr int version_with_moving = 2;
constexpr int version_with_truncating = 3;

// Reading and executing stay out: certificates, secrets and their programs may stand anywhere.
std::uint64_t writing_rights(int version) {
  std::uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                         LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= version_with_moving) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= version_with_truncating) rights |= may_truncate;
  return rights;
}

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// Terminals and /dev/null: what standard output and the programs of secrets write to.
constexpr std::string_view devices = "/dev";

void allow_writing(int ruleset, const std::string& folder, std::uint64_t rights) {
  const ops::FileDescriptor place(::open(folder.c_str(), O_PATH | O_CLOEXEC));
  if (!place.is_open()) return;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = place.get();
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

// In which a proxy of these settings makes or changes files.
std::set<std::string> writable_folders(const settings::Settings& settings) {
  std::set<std::string> folders = {settings.state_dir, settings.runtime_dir};
  if (settings.log.output.kind == settings::LogOutput::Kind::file) {
    folders.insert(folder_of(settings.log.output.path));
  }
  for (const settings::Credential& credential : settings.credentials) {
    if (credential.cache) folders.insert(folder_of(credential.cache->file));
  }
  for (const settings::Listener& listener : settings.listeners) {
    const auto* socket = std::get_if<settings::UnixAddress>(&listener.address);
    if (socket != nullptr && socket->path.starts_with('/')) folders.insert(folder_of(socket->path));
  }
  return folders;
}

}  // namespace

void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

Result<void> drop_privileges() {
  constexpr std::uint32_t kept = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
                                 1U << CAP_NET_BIND_SERVICE
#if defined(__SANITIZE_ADDRESS__)
                                 | 1U << CAP_SYS_PTRACE  // LeakSanitizer looks at the threads
#endif
      ;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(ErrorKind::system, "the kernel refuses PR_SET_NO_NEW_PRIVS");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> rights{};
  if (syscall(SYS_capget, &header, rights.data()) != 0) {
    return fail(ErrorKind::system, fmt::format("can't read our capabilities: {}",
                                               std::generic_category().message(errno)));
  }
  rights[0].effective &= kept;
  rights[0].permitted &= kept;
  rights[0].inheritable = 0;
  rights[1] = {};
  if (syscall(SYS_capset, &header, rights.data()) != 0) {
    return fail(ErrorKind::system,
                fmt::format("can't drop capabilities: {}", std::generic_category().message(errno)));
  }
  return {};
}

WriteLock WriteLock::close(const settings::Settings& settings) {
  WriteLock lock;
#ifdef VSAPROXY_COVERAGE
  return lock;  // the counters are written beside the objects
#endif
  // What can't be made is reported by whoever wants to write there.
  static_cast<void>(ops::make_private_directory(settings.state_dir));
  std::error_code ignored;
  std::filesystem::create_directories(settings.runtime_dir, ignored);
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return lock;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = writing_rights(static_cast<int>(version));
  const ops::FileDescriptor ruleset(static_cast<int>(
      syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0)));
  if (!ruleset.is_open()) return lock;
  allow_writing(ruleset.get(), std::string(devices), LANDLOCK_ACCESS_FS_WRITE_FILE);
  lock.folders_ = writable_folders(settings);
  for (const std::string& folder : lock.folders_) {
    allow_writing(ruleset.get(), folder, attributes.handled_access_fs);
  }
  lock.is_active_ = syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
  return lock;
}

Result<void> WriteLock::check(const settings::Settings& settings) const {
  if (!is_active_) return {};
  const std::set<std::string> folders = writable_folders(settings);
  const auto other = std::find_if(folders.begin(), folders.end(), [this](const auto& folder) {
    return !folders_.contains(folder);
  });
  if (other == folders.end()) return {};
  return fail(ErrorKind::configuration,
              fmt::format("{} is another folder to write to than those at the start, and the "
                          "process can't write elsewhere: restart it",
                          *other));
}

}  // namespace vsaproxy::cli
