#include "proxy/auth/multipart.h"

#include <fmt/format.h>

#include <utility>

namespace vsaproxy::auth {

MultipartBody::MultipartBody(const std::function<std::uint32_t()>& random) : boundary_("form-") {
  for (int i = 0; i < 4; ++i) boundary_ += fmt::format("{:08x}", random());
}

MultipartBody& MultipartBody::add(std::string_view name, std::string_view value) {
  const std::string head =
      fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", boundary_, name);
  std::string larger;  // growing by itself would leave a copy behind
  larger.reserve(text_.size() + head.size() + value.size() + 2);
  larger.append(text_).append(head).append(value).append("\r\n");
  base::wipe(text_);
  text_.swap(larger);
  return *this;
}

std::string MultipartBody::content_type() const {
  return fmt::format("multipart/form-data; boundary={}", boundary_);
}

base::Secret MultipartBody::take() {
  const std::string end = fmt::format("--{}--\r\n", boundary_);
  std::string whole;
  whole.reserve(text_.size() + end.size());
  whole.append(text_).append(end);
  base::wipe(text_);
  return base::Secret::take(std::move(whole));
}

}  // namespace vsaproxy::auth
