#include "proxy/ops/local_accounts.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

namespace vsaproxy::ops {
namespace {

constexpr std::size_t first_buffer = 4096;
constexpr std::size_t most_buffer = 1024 * 1024;
constexpr int most_groups = 65536;

// Calls one of the getXXnam_r() functions with as much memory as it asks for.
template <class Entry, class Call>
std::optional<Entry> look_up(const std::string& name, Call call, std::string& memory) {
  for (std::size_t size = first_buffer; size <= most_buffer; size *= 4) {
    memory.resize(size);
    Entry entry{};
    Entry* found = nullptr;
    const int failure = call(name.c_str(), &entry, memory.data(), memory.size(), &found);
    if (failure == ERANGE || failure == EINTR) continue;
    return found != nullptr ? std::optional(entry) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> number_in(const std::string& name) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  // The highest one means "none" to the system.
  const bool is_number = error == std::errc() && end == name.data() + name.size();
  return is_number && number != ~0U ? std::optional(number) : std::nullopt;
}

bool is_in_group(const passwd& user, gid_t group) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0) {
    // An implementation that does not say how many it needs is not asked for ever.
    const auto more = std::max<std::size_t>(static_cast<std::size_t>(count), groups.size() * 2);
    if (more > most_groups) return false;
    groups.resize(more);
    count = static_cast<int>(more);
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace

base::Result<std::uint32_t> find_user(const std::string& name) {
  std::string memory;
  if (const auto user = look_up<passwd>(name, &getpwnam_r, memory)) return user->pw_uid;
  if (const auto number = number_in(name)) return *number;
  return base::fail(base::ErrorKind::configuration,
                    fmt::format("this machine has no user \"{}\"", name));
}

base::Result<std::uint32_t> find_group(const std::string& name) {
  std::string memory;
  if (const auto group = look_up<::group>(name, &getgrnam_r, memory)) return group->gr_gid;
  if (const auto number = number_in(name)) return *number;
  return base::fail(base::ErrorKind::configuration,
                    fmt::format("this machine has no group \"{}\"", name));
}

std::vector<std::uint32_t> members_of(std::uint32_t group) {
  std::vector<std::uint32_t> members;
  setpwent();
  while (const passwd* user = getpwent()) {
    if (is_in_group(*user, group)) members.push_back(user->pw_uid);
  }
  endpwent();
  return members;
}

}  // namespace vsaproxy::ops
