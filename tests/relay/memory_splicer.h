#pragma once
// What a pipe does between sockets, between streams of memory.

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/net/splicer.h"
#include "tests/relay/memory_stream.h"

namespace vsaproxy::relay {

class MemorySplicer final : public net::Splicer {
 public:
  static constexpr std::size_t most_at_once = 256 * 1024;

  bool can_move(const net::Stream&, const net::Stream&) const override { return true; }

  Moved move(net::Stream& from, net::Stream& to, std::size_t most) override {
    std::string bytes(std::min(most, most_at_once), '\0');
    const net::ReadResult result = from.read(bytes);
    if (result.status != net::IoStatus::ok) return {result};
    moved_ += result.bytes;
    // Past what waits in the stream for the end of the turn, as a pipe to its socket does it.
    return {result, dynamic_cast<MemoryStream&>(to).write_through(
                        std::string_view(bytes).substr(0, result.bytes))};
  }

  // Of all streams together.
  std::size_t moved() const { return moved_; }

 private:
  std::size_t moved_ = 0;
};

}  // namespace vsaproxy::relay
