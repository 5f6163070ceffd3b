#pragma once
// How many connections each client has, over all workers: for limits.connections_per_client. Owned
// by the server; any thread. Clients that no such limit counts never come here.

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace vsaproxy::relay {

class ClientCounts {
 public:
  // One connection of a client, as long as it lives.
  class Slot {
   public:
    Slot() = default;
    Slot(ClientCounts* counts, std::string client) : counts_(counts), client_(std::move(client)) {}
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

    // Empty: the connection is not counted.
    const std::string& client() const { return client_; }

   private:
    ClientCounts* counts_ = nullptr;
    std::string client_;
  };

  // Nothing if the client has `most` connections already.
  std::optional<Slot> take(const std::string& client, std::size_t most);

 private:
  void give_back(const std::string& client);

  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;  // guarded by mutex_
};

}  // namespace vsaproxy::relay
