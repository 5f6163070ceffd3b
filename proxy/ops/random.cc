#include "proxy/ops/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace vsaproxy::ops {

void fill_random(std::span<std::byte> bytes) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) !=
      1) {
    std::abort();
  }
}

}  // namespace vsaproxy::ops
