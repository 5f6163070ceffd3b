#pragma once
// How a login or a check is carried to its server: one bounded exchange. An interface, so that the
// life of a session can be tested without a network.

#include <functional>
#include <memory>
#include <string>

#include "proxy/auth/scheme.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace vsaproxy::tokens {

struct LoginAnswer {
  int status = 0;
  http::Fields fields;
  std::string body;  // may hold a token: wiped on destruction
  base::WallTime received_at{};

  LoginAnswer() = default;
  LoginAnswer(LoginAnswer&&) = default;
  LoginAnswer& operator=(LoginAnswer&&) = default;
  ~LoginAnswer();
};

class LoginTransport {
 public:
  // Destroying it cancels the exchange.
  class Exchange {
   public:
    virtual ~Exchange() = default;
    // Bytes of the request may have left.
    virtual bool was_sent() const { return true; }
  };
  using Callback = std::function<void(base::Result<LoginAnswer>)>;

  virtual ~LoginTransport() = default;
  // The callback runs once, from the loop, never from inside this call. Errors: login_unavailable
  // (with the reason: connect, TLS, time-out ...), malformed (an answer that is no HTTP, too
  // large).
  [[nodiscard]] virtual std::unique_ptr<Exchange> send(const auth::LoginRequest& request,
                                                       base::Duration timeout,
                                                       Callback callback) = 0;
};

}  // namespace vsaproxy::tokens
