#include "proxy/net/outbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/net/socket_stream.h"

namespace vsaproxy::net {
namespace {

// A head, and a body that is no longer than that. Longer ones are not worth a copy.
constexpr std::size_t longest_write = 2048;

std::size_t size_of(std::span<const std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  return size;
}

}  // namespace

bool Outbox::take(SocketStream& stream, Place& place, std::span<const std::string_view> parts) {
  const std::size_t size = size_of(parts);
  if (size > longest_write) return false;
  if (used_ + size > bytes_.size() || (!place.is_taken() && streams_ == held_.size())) send_all();
  if (!place.is_taken()) {
    place.index_ = static_cast<std::int8_t>(streams_);
    held_[streams_++] = {&stream, &place, used_, used_};
  } else if (place.index_ + 1 != static_cast<int>(streams_)) {
    return false;
  }
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(bytes_.data() + used_, part.data(), part.size());
    used_ += part.size();
  }
  held_[streams_ - 1].end = used_;
  return true;
}

std::string_view Outbox::give_back(Place& place) {
  if (!place.is_taken()) return {};
  Held& held = held_[static_cast<std::size_t>(std::exchange(place.index_, -1))];
  held.stream = nullptr;
  return {bytes_.data() + held.begin, held.end - held.begin};
}

void Outbox::send_all() {
  for (const Held& held : std::span(held_).first(streams_)) {
    if (held.stream == nullptr) continue;
    held.place->index_ = -1;
    held.stream->send_held({bytes_.data() + held.begin, held.end - held.begin});
  }
  explicit_bzero(bytes_.data(), used_);  // there may be credentials in it
  streams_ = used_ = 0;
}

}  // namespace vsaproxy::net
