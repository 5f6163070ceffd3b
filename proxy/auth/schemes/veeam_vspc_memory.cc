#include <charconv>
#include <string>
#include <utility>

#include "proxy/auth/schemes/veeam_vspc.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view public_name = "public_key";
constexpr std::string_view private_name = "private_key";

// Up to the line feed, which goes too.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

// Two lines and the token, which may have any bytes.
base::Secret VspcMemory::write() const {
  const std::string step = std::to_string(code_step);
  const std::string_view name = grant == VspcGrant::public_key ? public_name : private_name;
  const std::string_view token = refresh_token.reveal();
  std::string text;
  text.reserve(name.size() + step.size() + token.size() + 2);  // one buffer, so one to wipe
  text.append(name).append("\n").append(step).append("\n").append(token);
  return base::Secret::take(std::move(text));
}

VspcMemory VspcMemory::read(std::string_view text) {
  VspcMemory memory;
  const std::string_view name = take_line(text);
  const std::string_view step = take_line(text);
  const auto [end, error] =
      std::from_chars(step.data(), step.data() + step.size(), memory.code_step);
  const bool is_ours = (name == public_name || name == private_name) && error == std::errc() &&
                       end == step.data() + step.size();
  if (!is_ours) return {};
  memory.grant = name == public_name ? VspcGrant::public_key : VspcGrant::private_key;
  memory.refresh_token = base::Secret(text);
  return memory;
}

}  // namespace vsaproxy::auth
