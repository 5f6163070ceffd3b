#include "proxy/net/pipe_splicer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace vsaproxy::net {
namespace {

// More than a socket has at once most times; the kernel's own size (64 KiB) is fallen back to.
constexpr std::size_t pipe_size = 256 * 1024;

}  // namespace

PipeSplicer::PipeSplicer(std::span<char> scratch) : scratch_(scratch) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return;
  out_ = FileDescriptor(ends[0]);
  in_ = FileDescriptor(ends[1]);
  fcntl(in_.get(), F_SETPIPE_SZ, static_cast<int>(pipe_size));
}

bool PipeSplicer::can_move(const Stream& from, const Stream& to) const {
  return in_ && from.plain_socket() >= 0 && to.plain_socket() >= 0;
}

Splicer::Moved PipeSplicer::move(Stream& from, Stream& to, std::size_t most) {
  const ssize_t got = splice(from.plain_socket(), nullptr, in_.get(), nullptr,
                             std::min(most, pipe_size), SPLICE_F_NONBLOCK);
  if (got == 0) return {{IoStatus::end, 0}};
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return {{IoStatus::would_block, 0}};
    // A kernel that has no splice(2) for it: it is read the other way from now on.
    if (errno != EINVAL && errno != ENOSYS) return {{IoStatus::failed, 0}};
    in_ = FileDescriptor();
    return {{IoStatus::would_block, 0}};
  }
  const auto size = static_cast<std::size_t>(got);
  const ssize_t sent =
      splice(out_.get(), nullptr, to.plain_socket(), nullptr, size, SPLICE_F_NONBLOCK);
  const std::size_t rest = size - static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  return {{IoStatus::ok, size}, rest == 0 || write_rest(to, rest)};
}

// Errors of the socket come again, and are told apart, where it writes for itself.
bool PipeSplicer::write_rest(Stream& to, std::size_t rest) {
  bool is_taken = true;
  while (rest > 0) {
    const ssize_t n = read(out_.get(), scratch_.data(), std::min(rest, scratch_.size()));
    if (n <= 0) {
      in_ = FileDescriptor();  // nobody may get what is in there
      to.reset_on_close();     // with a hole in it, what it got must not look whole
      return false;
    }
    const std::string_view part(scratch_.data(), static_cast<std::size_t>(n));
    is_taken = to.write({&part, 1}) && is_taken;
    rest -= part.size();
  }
  return is_taken;
}

}  // namespace vsaproxy::net
