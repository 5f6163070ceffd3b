#include "proxy/relay/client_counts.h"

#include <utility>

namespace vsaproxy::relay {

ClientCounts::Slot::Slot(Slot&& other) noexcept
    : counts_(std::exchange(other.counts_, nullptr)), client_(std::move(other.client_)) {}

ClientCounts::Slot& ClientCounts::Slot::operator=(Slot&& other) noexcept {
  std::swap(counts_, other.counts_);
  std::swap(client_, other.client_);
  return *this;
}

ClientCounts::Slot::~Slot() {
  if (counts_ != nullptr) counts_->give_back(client_);
}

std::optional<ClientCounts::Slot> ClientCounts::take(const std::string& client, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::size_t& count = counts_[client];
  if (count >= most) return std::nullopt;
  ++count;
  return std::optional<Slot>(std::in_place, this, client);
}

void ClientCounts::give_back(const std::string& client) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(client);
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace vsaproxy::relay
