#pragma once
// The exchanges of one worker. Their memory goes from one to the next, so that a request on a
// kept-alive connection allocates nothing. Owned by the worker, outlives its clients; one thread.

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/relay/deadline.h"
#include "proxy/relay/relay_config.h"

namespace vsaproxy::relay {

class ClientConnection;
class Context;
class Exchange;

// Ends an exchange and keeps its memory in the store.
struct ReturnToStore {
  void operator()(Exchange* exchange) const noexcept;
};
using ExchangePtr = std::unique_ptr<Exchange, ReturnToStore>;

class ExchangeStore {
 public:
  explicit ExchangeStore(DeadlineQueue& deadlines);
  ~ExchangeStore();
  ExchangeStore(const ExchangeStore&) = delete;
  ExchangeStore& operator=(const ExchangeStore&) = delete;

  // The arguments are those of Exchange.
  ExchangePtr make(Context& context, ClientConnection& client, const RelayConfig& config,
                   std::size_t listener);

  // So much memory is kept for later, and none once no exchange has ended for that long.
  static constexpr std::size_t most_free = 256;
  static constexpr base::Duration patience = std::chrono::seconds(1);

 private:
  friend struct ReturnToStore;
  struct Slot;

  void take_back(std::unique_ptr<Slot> slot);
  void on_quiet();

  std::vector<std::unique_ptr<Slot>> free_;
  Deadline quiet_;
};

}  // namespace vsaproxy::relay
