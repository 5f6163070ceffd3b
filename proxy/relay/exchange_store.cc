#include "proxy/relay/exchange_store.h"

#include <malloc.h>

#include <optional>
#include <utility>

#include "proxy/relay/exchange.h"
#include "proxy/relay/exchange_buffers.h"

namespace vsaproxy::relay {
namespace {

// A text that has grown beyond this gives its memory back; a body's as kept by default may stay.
constexpr std::size_t kept_capacity = 16 * 1024;
constexpr std::size_t kept_body_capacity = 128 * 1024;
// So many exchanges at once are a burst: worth the milliseconds of looking for free pages.
constexpr std::size_t many = 64;

void empty(std::string& text, std::size_t most_kept = kept_capacity) {
  text.clear();
  if (text.capacity() > most_kept) std::string().swap(text);
}

}  // namespace

void ExchangeBuffers::drop_held_body() { empty(held_body, kept_body_capacity); }

void ExchangeBuffers::clear() {
  drop_held_body();
  edit.clear();
  base::wipe(to_upstream);  // what was never sent may hold the credential
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
  slot->clear();
  if (free_.size() >= most_free) return;
  free_.push_back(std::move(slot));
  quiet_.set(patience);
}

std::unique_ptr<http::H1ServerCodec> ExchangeStore::take_codec(const http::HeadLimits& limits) {
  if (free_codecs_.empty()) return std::make_unique<http::H1ServerCodec>(limits);
  auto codec = std::move(free_codecs_.back());
  free_codecs_.pop_back();
  // After a reload.
  if (codec->limits() != limits) return std::make_unique<http::H1ServerCodec>(limits);
  return codec;
}

void ExchangeStore::give_back(std::unique_ptr<http::H1ServerCodec> codec) {
  if (free_codecs_.size() >= most_free) return;
  codec->reset();
  free_codecs_.push_back(std::move(codec));
  quiet_.set(patience);
}

// What a burst needed goes back to the system, not only to the allocator.
void ExchangeStore::on_quiet() {
  const bool was_burst = free_.size() >= many;
  std::vector<std::unique_ptr<Slot>>().swap(free_);
  std::vector<std::unique_ptr<http::H1ServerCodec>>().swap(free_codecs_);
  if (was_burst) malloc_trim(0);
}

}  // namespace vsaproxy::relay
