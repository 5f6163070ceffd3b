#include "proxy/cli/hash.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <span>
#include <string>

#include "proxy/auth/key_hash.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/ops/random.h"

namespace vsaproxy::cli {
namespace {

constexpr int failure = 1;

using base::Result;
using base::Secret;

void say(const char* text) { std::fputs(text, stderr); }

tl::unexpected<base::Error> unusable(const char* why) {
  return base::fail(base::ErrorKind::configuration, why);
}

// The terminal shows nothing that is typed, until this ends.
class Silence {
 public:
  Silence() {
    tcgetattr(STDIN_FILENO, &former_);
    termios silent = former_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    // An interrupt would leave the terminal silent.
    sigset_t interrupts;
    sigemptyset(&interrupts);
    for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGTSTP}) sigaddset(&interrupts, number);
    sigprocmask(SIG_BLOCK, &interrupts, &former_mask_);
  }
  ~Silence() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &former_);
    sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios former_{};
  sigset_t former_mask_{};
};

// One byte after the other: what follows the line is somebody else's.
Result<Secret> read_line() {
  std::string line;
  line.reserve(auth::most_key_bytes + 1);  // growth would leave copies behind
  char c = '\0';
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || c == '\n') break;
    if (line.size() == auth::most_key_bytes) {
      base::wipe(line);
      return unusable("the key is longer than 1024 bytes");
    }
    line.push_back(c);
  }
  if (line.ends_with('\r')) line.pop_back();
  return Secret::take(std::move(line));
}

// A field's value: what is sent must be what was typed.
bool is_sendable(std::string_view key) {
  if (key.front() == ' ' || key.back() == ' ') return false;
  for (const char c : key) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

Result<Secret> read_key() {
  if (isatty(STDIN_FILENO) == 0) return read_line();
  const Silence silence;
  say("API key: ");
  auto first = read_line();
  if (!first) return first;
  say("Once more: ");
  const auto second = read_line();
  if (!second) return second;
  if (!(*first == *second)) return unusable("the two differ");
  return first;
}

}  // namespace

int run_hash() {
  const auto key = read_key();
  const char* fault = nullptr;
  if (!key) {
    fault = key.error().detail.c_str();
  } else if (key->empty()) {
    fault = "no key was given: type it, or send it as one line to standard input";
  } else if (!is_sendable(key->reveal())) {
    fault = "a key has visible ASCII characters only, and no space at its ends";
  }
  if (fault != nullptr) {
    std::fprintf(stderr, "vsaproxy: %s\n", fault);
    return failure;
  }
  std::array<char, 16> salt{};
  ops::fill_random(std::as_writable_bytes(std::span(salt)));
  const auto hash = auth::hash_key(key->reveal(), {salt.data(), salt.size()});
  std::puts(auth::to_string(hash).c_str());
  return 0;
}

}  // namespace vsaproxy::cli
