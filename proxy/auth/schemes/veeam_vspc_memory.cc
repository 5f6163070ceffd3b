#include <algorithm>
#include <string>
#include <utility>

#include "proxy/auth/schemes/veeam_vspc.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view public_name = "public_key";
constexpr std::string_view private_name = "private_key";

}  // namespace

// A line and the token, which may have any bytes.
base::Secret VspcMemory::write() const {
  const std::string_view name = grant == VspcGrant::public_key ? public_name : private_name;
  const std::string_view token = refresh_token.reveal();
  std::string text;
  text.reserve(name.size() + token.size() + 1);  // one buffer, so one to wipe
  text.append(name).append("\n").append(token);
  return base::Secret::take(std::move(text));
}

VspcMemory VspcMemory::read(std::string_view text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view name = text.substr(0, end);
  if (name != public_name && name != private_name) return {};
  VspcMemory memory;
  memory.grant = name == public_name ? VspcGrant::public_key : VspcGrant::private_key;
  memory.refresh_token = base::Secret(text.substr(std::min(end + 1, text.size())));
  return memory;
}

}  // namespace vsaproxy::auth
