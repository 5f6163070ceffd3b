#pragma once
// multipart/form-data (RFC 7578), for login servers that read no other form. Pure, any thread.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/secret.h"

namespace vsaproxy::auth {

// A body of names and values, which may be secrets: no copy of it stays behind.
class MultipartBody {
 public:
  // `random` makes a boundary that no value has.
  explicit MultipartBody(const std::function<std::uint32_t()>& random);
  ~MultipartBody() { base::wipe(text_); }
  MultipartBody(const MultipartBody&) = delete;
  MultipartBody& operator=(const MultipartBody&) = delete;

  // `name` has no quotes and no line breaks.
  MultipartBody& add(std::string_view name, std::string_view value);
  std::string content_type() const;
  // The builder is empty afterwards.
  base::Secret take();

 private:
  std::string boundary_;
  std::string text_;
};

}  // namespace vsaproxy::auth
