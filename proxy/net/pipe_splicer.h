#pragma once
// splice(2): bytes of plain sockets go through a pipe within the kernel and are not copied.

#include <span>

#include "proxy/net/handles.h"
#include "proxy/net/splicer.h"

namespace vsaproxy::net {

class PipeSplicer final : public Splicer {
 public:
  // SIGPIPE must be ignored: splice(2) can't be told not to send it. `scratch` outlives it; used
  // only within move(). Without a pipe it can't move anything.
  explicit PipeSplicer(std::span<char> scratch);

  bool can_move(const Stream& from, const Stream& to) const override;
  Moved move(Stream& from, Stream& to, std::size_t most) override;

 private:
  bool write_rest(Stream& to, std::size_t rest);

  std::span<char> scratch_;
  FileDescriptor in_;  // empty between two calls: what a socket does not take is read out again
  FileDescriptor out_;
};

}  // namespace vsaproxy::net
