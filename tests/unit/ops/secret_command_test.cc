// Programs that print a secret, with the real shell as the program: what is passed to it as an
// argument is a script.

#include "proxy/ops/secret_command.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "proxy/ops/file_descriptor.h"
#include "proxy/ops/secret_source.h"
#include "tests/unit/ops/temporary_folder.h"

using namespace vsaproxy;
using namespace vsaproxy::ops;
using base::SecretRef;

namespace {

constexpr base::Duration ample = std::chrono::seconds(60);

SecretRef program(std::string path, base::Duration timeout = ample) {
  SecretRef ref{SecretRef::Kind::command, std::move(path), {}};
  ref.command.timeout = timeout;
  return ref;
}

SecretRef script(std::string text, base::Duration timeout = ample) {
  SecretRef ref = program("/bin/sh", timeout);
  ref.command.arguments = {"-c", std::move(text)};
  return ref;
}

std::string value_of(const SecretRef& ref) {
  const auto secret = read_secret(ref, "/nowhere/vsaproxy.yaml");
  INFO((secret ? "" : secret.error().detail));
  REQUIRE(secret);
  return std::string(secret->reveal());
}

std::string fault_of(const SecretRef& ref, int stop = -1) {
  const auto secret = read_secret(ref, "", stop);
  REQUIRE_FALSE(secret);
  CHECK(secret.error().kind == base::ErrorKind::configuration);
  CHECK(secret.error().detail.find("hunter2") == std::string::npos);
  return secret.error().detail;
}

// Whether it is dead, or soon is; collected or not.
bool ends(pid_t pid) {
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process.get() < 0) return errno == ESRCH;
  pollfd wait{process.get(), POLLIN, 0};
  return ::poll(&wait, 1, 10'000) == 1;
}

}  // namespace

TEST_CASE("the output of a program is the secret, one trailing newline trimmed") {
  CHECK(value_of(script("echo hunter2")) == "hunter2");
  CHECK(value_of(script("printf ' a\\n\\n'")) == " a\n");
  CHECK(value_of(script("head -c 65536 /dev/zero | tr '\\0' x")).size() == 65536);
  CHECK(value_of(script("exec 2>&1; echo out; echo lost >&2")) == "out\nlost");
  CHECK(value_of(script("echo noise >&2; echo secret")) == "secret");
}

TEST_CASE("arguments of a program go to it as they are, and no shell reads them") {
  SecretRef ref = program("/bin/echo");
  ref.command.arguments = {"$HOME", "a b", "", "`id`;", "*"};
  CHECK(value_of(ref) == "$HOME a b  `id`; *");
}

TEST_CASE("a program gets nothing of the proxy but a few harmless variables") {
  ::setenv("VSAPROXY_TEST_SECRET", "hunter2", 1);
  ::setenv("HOME", "/home/somebody", 1);
  const std::string variables = value_of(program("/usr/bin/env"));
  ::unsetenv("VSAPROXY_TEST_SECRET");
  CHECK(variables.find("VSAPROXY_TEST_SECRET") == std::string::npos);
  CHECK(variables.find("PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin") != std::string::npos);
  CHECK(variables.find("HOME=/home/somebody") != std::string::npos);
  // Nothing to read, no folder to fall over, no descriptor of ours, its own session.
  CHECK(value_of(script("cat; pwd")) == "/");
  const FileDescriptor open(::dup(STDOUT_FILENO));
  CHECK(value_of(script("ls /proc/self/fd | tr '\\n' ' '")) == "0 1 2 3 ");
  // Fields of proc(5): pid, name, state, parent, group, session.
  CHECK(value_of(
            script("read pid name state parent group session rest < /proc/$$/stat; test $session "
                   "= $$ && echo own")) == "own");
}

TEST_CASE("blocked and ignored signals of the proxy are not the program's") {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto outcome = value_of(script("sh -c 'kill -TERM $$; echo deaf'; echo end"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(outcome == "end");
}

TEST_CASE("a program that fails is named with its status, never with what it said") {
  CHECK(fault_of(script("echo hunter2; echo hunter2 >&2; exit 3")) ==
        "command /bin/sh failed with exit status 3");
  CHECK(fault_of(script("echo hunter2; kill -9 $$")) == "command /bin/sh was ended by signal 9");
  CHECK(fault_of(script("exit 0 # hunter2")) == "command /bin/sh prints nothing");
  CHECK(fault_of(script("echo")) == "command /bin/sh prints nothing");
}

TEST_CASE("a program that prints too much is ended") {
  CHECK(fault_of(script("while :; do echo hunter2; done")) ==
        "command /bin/sh prints more than 64 KiB");
}

TEST_CASE("a program that takes too long is ended, with all that it has started") {
  const TemporaryFolder folder;
  const std::string pid_file = folder / "pid";
  // A child that holds the output open, and one that has closed it.
  for (const std::string_view rest : {"wait", "exec >&-; wait"}) {
    CAPTURE(rest);
    const auto fault = fault_of(
        script("sleep 1000 & echo $! > " + pid_file + "; echo hunter2; " + std::string(rest),
               std::chrono::milliseconds(500)));
    CHECK(fault == "command /bin/sh took longer than 500ms and was ended");
    CHECK(ends(std::stoi(read_text(pid_file))));
  }
}

TEST_CASE("a program is ended when the proxy ends") {
  const FileDescriptor stop(::eventfd(1, EFD_CLOEXEC));
  CHECK(fault_of(script("sleep 1000"), stop.get()) ==
        "command /bin/sh was ended, since the proxy ends");
}

TEST_CASE("what can't be run, or everybody may change, is refused before it is run") {
  const TemporaryFolder folder;
  const auto fault = [](const std::string& path) {
    const auto checked = check_secret_command(program(path));
    REQUIRE_FALSE(checked);
    CHECK(fault_of(program(path)) == checked.error().detail);
    return checked.error().detail.substr(std::string("command ").size() + path.size() + 1);
  };
  CHECK(fault(folder / "missing") == "can't be run: No such file or directory");
  CHECK(fault(folder.path()) == "is not a regular file");
  CHECK(fault(folder.write("data", "#!/bin/sh\necho x\n", 0644)) == "may not be run by this user");
  const auto open = folder.write("open", "#!/bin/sh\necho x\n", 0757);
  CHECK(fault(open) == "can be changed by every user of this machine: chmod o-w " + open);
  CHECK(check_secret_command(program(folder.write("fine", "#!/bin/sh\necho x\n", 0755))));
  CHECK(value_of(program(folder / "fine")) == "x");
  CHECK(fault_of(program(folder.write("binary",
                                      "\x7f"
                                      "ELF hunter2",
                                      0755)))
            .starts_with("command " + (folder / "binary") + " can't be run: "));
}
