#include "proxy/auth/message_editor.h"

#include <numeric>

namespace vsaproxy::auth {

std::string with_token(std::string_view text, const std::vector<TokenPlace>& places,
                       std::string_view token) {
  std::string edited;
  edited.reserve(length_with_token(text.size(), places, token.size()));
  std::size_t done = 0;
  for (const TokenPlace& place : places) {
    edited.append(text.substr(done, place.offset - done));
    edited.append(place.before).append(token).append(place.after);
    done = place.offset + place.length;
  }
  return edited.append(text.substr(done));
}

std::size_t length_with_token(std::size_t length, const std::vector<TokenPlace>& places,
                              std::size_t token_length) {
  return std::accumulate(
      places.begin(), places.end(), length, [&](std::size_t sum, const TokenPlace& place) {
        return sum + place.before.size() + token_length + place.after.size() - place.length;
      });
}

}  // namespace vsaproxy::auth
