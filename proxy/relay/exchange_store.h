#pragma once
// The exchanges of one worker, and the codecs that requests are read with. Their memory goes from
// one to the next: a request on a kept-alive connection allocates nothing, and an idle client owns
// none. Owned by the worker, outlives its clients; one thread.

#include <cstddef>
#include <memory>

#include "proxy/http/h1_codec.h"
#include "proxy/relay/deadline.h"
#include "proxy/relay/free_list.h"
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

  // At most so many are kept for later, and as many as were in use at once in the last or the
  // current of such intervals: none when there were no requests.
  static constexpr std::size_t most_free = 256;
  static constexpr base::Duration interval = std::chrono::seconds(1);

 private:
  friend struct ReturnToStore;
  struct Slot;

  void take_back(std::unique_ptr<Slot> slot);
  void expect_interval();
  void on_interval();

  FreeList<Slot> slots_;
  FreeList<http::H1ServerCodec> codecs_;
  Deadline interval_;
  std::size_t dropped_ = 0;  // slots, since memory went back to the system
};

}  // namespace vsaproxy::relay
