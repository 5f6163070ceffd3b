#pragma once
// The bounded look at an answer: keeps the first bytes of a body that may say "session gone", so
// that the answer can still be withdrawn. Owned by the exchange; one thread.

#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"
#include "proxy/base/clock.h"
#include "proxy/http/message.h"

namespace vsaproxy::relay {

class ResponseHold {
 public:
  // As received, before a content coding is taken off; and after.
  static constexpr std::size_t max_bytes = 8 * 1024;
  static constexpr std::size_t max_decoded = 8 * 1024;
  static constexpr base::Duration patience = std::chrono::milliseconds(250);

  // True if the head is one whose body may hold an expired session: the look begins. The head's
  // bytes must stay until clear().
  bool begin(const auth::SchemeSpec& spec, const http::ResponseHead& head);

  // False if that would be too much: nothing is kept then, and the look is over.
  bool keep(std::string_view bytes);
  std::string_view bytes() const { return bytes_; }
  // The body is whole: does it say so?
  bool says_session_lost(const auth::SchemeSpec& spec) const;
  void clear();

 private:
  int status_ = 0;
  std::string_view type_;
  std::string_view coding_;
  std::string bytes_;
};

}  // namespace vsaproxy::relay
