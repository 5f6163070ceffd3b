#pragma once
// The exchanges of one worker, and the codecs that requests are read with. Their memory goes from
// one to the next: a request on a kept-alive connection allocates nothing, and an idle client owns
// none. Owned by the worker, outlives its clients; one thread.

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/http/h1_codec.h"
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

  // A codec as new. It may go back at any time between two requests.
  std::unique_ptr<http::H1ServerCodec> take_codec(const http::HeadLimits& limits);
  void give_back(std::unique_ptr<http::H1ServerCodec> codec);

  // So much memory is kept for later, and none once no exchange has ended for that long.
  static constexpr std::size_t most_free = 256;
  static constexpr base::Duration patience = std::chrono::seconds(1);

 private:
  friend struct ReturnToStore;
  struct Slot;

  void take_back(std::unique_ptr<Slot> slot);
  void on_quiet();

  std::vector<std::unique_ptr<Slot>> free_;
  std::vector<std::unique_ptr<http::H1ServerCodec>> free_codecs_;
  Deadline quiet_;
};

}  // namespace vsaproxy::relay
