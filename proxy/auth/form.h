#pragma once
// application/x-www-form-urlencoded, as login servers read it (RFC 6749, appendix B). Pure, any
// thread.

#include <string>
#include <string_view>

#include "proxy/base/secret.h"

namespace vsaproxy::auth {

// Letters, digits and "*-._" stay, a space becomes "+", every other byte %XX.
std::string form_encode(std::string_view text);

// The decoded value of the first field of that name; "" if the form has none, or broken escapes in
// it.
std::string form_value(std::string_view form, std::string_view name);

// A body of names and values, which may be secrets: no copy of it stays behind.
class FormBody {
 public:
  FormBody() = default;
  ~FormBody() { base::wipe(text_); }
  FormBody(const FormBody&) = delete;
  FormBody& operator=(const FormBody&) = delete;

  FormBody& add(std::string_view name, std::string_view value);
  // The builder is empty afterwards.
  base::Secret take() { return base::Secret::take(std::move(text_)); }

 private:
  std::string text_;
};

}  // namespace vsaproxy::auth
