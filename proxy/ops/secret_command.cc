#include "proxy/ops/secret_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/ops/file_descriptor.h"
#include "proxy/ops/secret_source.h"

namespace vsaproxy::ops {
namespace {

using base::Result;
using base::SecretRef;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between looks whether a program that has closed its output has ended.
constexpr int end_poll_ms = 5;
constexpr std::array kept_variables = {"HOME", "USER", "LOGNAME", "LANG", "CREDENTIALS_DIRECTORY"};
constexpr std::string_view system_path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

tl::unexpected<base::Error> unusable(const SecretRef& ref, std::string_view reason) {
  return base::fail(base::ErrorKind::configuration, fmt::format("{} {}", describe(ref), reason));
}

std::string in_words(base::Duration duration) {
  return duration.count() % 1000 == 0 ? fmt::format("{}s", duration.count() / 1000)
                                      : fmt::format("{}ms", duration.count());
}

// As execve(2) takes them.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment() {
  std::vector<std::string> variables = {std::string(system_path)};
  for (const char* name : kept_variables) {
    if (const char* value = std::getenv(name))
      variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

// How a child begins: no descriptor but its output, signals as they are by default, and a session
// of its own, so that what it starts can be ended with it.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0, or an errno.
  int start(const SecretRef& ref, pid_t& child) const {
    std::vector<std::string> arguments = {ref.name};
    arguments.insert(arguments.end(), ref.command.arguments.begin(), ref.command.arguments.end());
    std::vector<std::string> variables = environment();
    return posix_spawn(&child, ref.name.c_str(), &actions_, &attributes_,
                       pointers_to(arguments).data(), pointers_to(variables).data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A program that was started; what is left of it goes with this.
class Child {
 public:
  Child(const SecretRef& ref, pid_t pid, int stop)
      : ref_(ref), pid_(pid), stop_(stop), deadline_(steady_clock::now() + ref.command.timeout) {}
  ~Child() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<void> read_output(int pipe, std::size_t limit, std::string& text) {
    text.resize(limit + 1);  // at once: growth would leave copies behind
    std::size_t size = 0;
    while (size <= limit) {
      if (auto waited = wait_readable(pipe); !waited) return waited;
      const ssize_t count = ::read(pipe, text.data() + size, text.size() - size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      size += static_cast<std::size_t>(count);
    }
    if (size > limit) {
      return unusable(ref_, fmt::format("prints more than {} KiB", limit / 1024));
    }
    text.resize(size);
    return {};
  }

  Result<void> wait_end() {
    int status = 0;
    while (true) {
      const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) break;
      if (ended < 0 && errno != EINTR) {
        pid_ = 0;
        return unusable(ref_, "does not tell how it ended");
      }
      const auto waited = wait_for(-1, end_poll_ms);
      if (!waited) return base::fail(waited.error());
    }
    pid_ = 0;
    if (WIFSIGNALED(status)) {
      return unusable(ref_, fmt::format("was ended by signal {}", WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) == 0) return {};
    return unusable(ref_, fmt::format("failed with exit status {}", WEXITSTATUS(status)));
  }

 private:
  Result<void> wait_readable(int pipe) {
    while (true) {
      const auto ready = wait_for(pipe, -1);
      if (!ready) return base::fail(ready.error());
      if (*ready) return {};
    }
  }

  // True once the descriptor is readable, false after that many milliseconds (-1: only an error
  // ends it).
  Result<bool> wait_for(int pipe, int most_ms) const {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now()).count();
    if (left <= 0) {
      return unusable(
          ref_, fmt::format("took longer than {} and was ended", in_words(ref_.command.timeout)));
    }
    std::array<pollfd, 2> waited = {{{pipe, POLLIN, 0}, {stop_, POLLIN, 0}}};
    const int wait = static_cast<int>(most_ms < 0 ? left : std::min<long>(left, most_ms));
    ::poll(waited.data(), waited.size(), wait);
    if (waited[1].revents != 0) return unusable(ref_, "was ended, since the proxy ends");
    return waited[0].revents != 0;
  }

  const SecretRef& ref_;
  pid_t pid_;  // 0: gone
  const int stop_;
  const steady_clock::time_point deadline_;
};

}  // namespace

Result<void> check_secret_command(const SecretRef& ref) {
  struct stat status {};
  if (::stat(ref.name.c_str(), &status) != 0) {
    return unusable(ref, "can't be run: " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) return unusable(ref, "is not a regular file");
  if (::access(ref.name.c_str(), X_OK) != 0) return unusable(ref, "may not be run by this user");
  if ((status.st_mode & S_IWOTH) != 0) {
    return unusable(ref, "can be changed by every user of this machine: chmod o-w " + ref.name);
  }
  return {};
}

Result<void> run_secret_command(const SecretRef& ref, std::size_t limit, std::string& text,
                                int stop) {
  if (auto checked = check_secret_command(ref); !checked) return checked;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return unusable(ref, "can't be run: " + std::generic_category().message(errno));
  }
  const FileDescriptor output(ends[0]);
  FileDescriptor input(ends[1]);
  pid_t pid = 0;
  if (const int code = SpawnPlan(input.get()).start(ref, pid); code != 0) {
    return unusable(ref, "can't be run: " + std::generic_category().message(code));
  }
  Child child(ref, pid, stop);
  input = FileDescriptor();
  if (auto read = child.read_output(output.get(), limit, text); !read) return read;
  return child.wait_end();
}

}  // namespace vsaproxy::ops
