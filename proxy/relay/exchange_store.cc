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
    : slots_(most_free),
      codecs_(most_free),
      interval_(Deadline::calling<&ExchangeStore::on_interval>(deadlines, *this)) {}

ExchangeStore::~ExchangeStore() = default;

ExchangePtr ExchangeStore::make(Context& context, ClientConnection& client,
                                const RelayConfig& config, std::size_t listener) {
  auto slot = slots_.take();
  if (slot == nullptr) slot = std::make_unique<Slot>(*this);
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
  slots_.put(std::move(slot));
  expect_interval();
}

std::unique_ptr<http::H1ServerCodec> ExchangeStore::take_codec(const http::HeadLimits& limits) {
  auto codec = codecs_.take();
  // The limits are others after a reload.
  if (codec != nullptr && codec->limits() == limits) return codec;
  return std::make_unique<http::H1ServerCodec>(limits);
}

void ExchangeStore::give_back(std::unique_ptr<http::H1ServerCodec> codec) {
  codec->reset();
  codecs_.put(std::move(codec));
  expect_interval();
}

void ExchangeStore::expect_interval() {
  if (!interval_.is_set()) interval_.set(interval);
}

void ExchangeStore::on_interval() {
  const std::size_t unused = slots_.drop_unused();
  codecs_.drop_unused();
  dropped_ += unused;
  if (!slots_.empty() || !codecs_.empty()) interval_.set(interval);
  // What a burst needed goes back to the system, not only to the allocator, once it is over.
  if (unused > 0 || dropped_ < many) return;
  dropped_ = 0;
  malloc_trim(0);
}

}  // namespace vsaproxy::relay
