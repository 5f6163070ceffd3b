#include "proxy/relay/exchange_store.h"

#include <malloc.h>

#include <optional>
#include <utility>

#include "proxy/relay/exchange.h"
#include "proxy/relay/exchange_buffers.h"

namespace vsaproxy::relay {
namespace {

// A text that has grown beyond this gives its memory back.
constexpr std::size_t kept_capacity = 16 * 1024;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kept_capacity) std::string().swap(text);
}

}  // namespace

void ExchangeBuffers::clear() {
  empty(held_body);
  empty(to_upstream);
  empty(tail_to_upstream);
  answer.clear();
  answer_trailers.clear();
  empty(held_refused);
  hold.clear();
  empty(to_client);
  empty(tail_to_client);
}

struct ExchangeStore::Slot : ExchangeBuffers {
  explicit Slot(ExchangeStore& owner) : store(owner) {}

  ExchangeStore& store;
  std::optional<Exchange> exchange;
};

ExchangeStore::ExchangeStore(DeadlineQueue& deadlines)
    : quiet_(Deadline::calling<&ExchangeStore::on_quiet>(deadlines, *this)) {}

ExchangeStore::~ExchangeStore() = default;

ExchangePtr ExchangeStore::make(Context& context, ClientConnection& client,
                                const RelayConfig& config, std::size_t listener) {
  std::unique_ptr<Slot> slot;
  if (free_.empty()) {
    slot = std::make_unique<Slot>(*this);
  } else {
    slot = std::move(free_.back());
    free_.pop_back();
  }
  slot->exchange.emplace(context, client, config, listener, *slot);
  return ExchangePtr(&*slot.release()->exchange);
}

void ReturnToStore::operator()(Exchange* exchange) const noexcept {
  auto& slot = static_cast<ExchangeStore::Slot&>(exchange->buffers());
  slot.store.take_back(std::unique_ptr<ExchangeStore::Slot>(&slot));
}

void ExchangeStore::take_back(std::unique_ptr<Slot> slot) {
  slot->exchange.reset();
  if (free_.size() >= most_free) return;
  slot->clear();
  free_.push_back(std::move(slot));
  quiet_.set(patience);
}

// What a burst needed goes back to the system, not only to the allocator.
void ExchangeStore::on_quiet() {
  std::vector<std::unique_ptr<Slot>>().swap(free_);
  malloc_trim(0);
}

}  // namespace vsaproxy::relay
