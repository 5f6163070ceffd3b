#pragma once
// Bytes that go from one stream to another without a look at them. Owned by a worker; one thread.

#include <cstddef>

#include "proxy/net/stream.h"

namespace vsaproxy::net {

class Splicer {
 public:
  struct Moved {
    ReadResult read;       // as if from.read() had taken them
    bool is_taken = true;  // as if to.write() had; false: it is broken, and they are lost
  };

  virtual ~Splicer() = default;
  virtual bool can_move(const Stream& from, const Stream& to) const = 0;
  // At most `most` bytes, which is more than 0. Streams must be such that can_move(), and `to` have
  // nothing unsent; it keeps what its peer does not take at once, as write() does.
  virtual Moved move(Stream& from, Stream& to, std::size_t most) = 0;
};

}  // namespace vsaproxy::net
